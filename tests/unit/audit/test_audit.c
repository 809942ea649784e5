/* The auditor's half in core/: whose references it tells of, when it cannot run, and what follows
 * each call. Frames are the fake's, which counts the references that core/ takes. */
#include <stdlib.h>
#include "fake.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "debug/core/audit.h"
#include "debug/core/hypercall_replace.h"
#include "core/grant_internal.h"
#include "core/hypercall.h"

static struct domain *d;
static unsigned audits, mistakes, domains_seen;
static struct audit_count noted[FAKE_FRAMES];

/* --- the architecture's half --- */

uint64_t arch_max_frame(void)
{
    return 600; /* takes two pages of counts */
}

static bool stopped, may_stop = true;

bool arch_stop_others(void)
{
    assert_false(stopped);
    return stopped = may_stop;
}

void arch_let_others_go(void)
{
    assert_true(stopped);
    stopped = false;
}

void arch_audit_note(struct audit *a, mfn_t frame, uint32_t refs, uint32_t uses)
{
    assert_non_null(a->count);
    assert_in_range(frame.n, 1, FAKE_FRAMES - 1);
    noted[frame.n].refs += refs;
    noted[frame.n].uses += uses;
}

void arch_audit_domain(struct audit *a, const struct domain *dom)
{
    assert_int_equal(a->count[599].refs, 0);
    assert_non_null(dom);
    domains_seen++;
}

void arch_audit_frames(struct audit *a)
{
    audits++;
    a->findings = mistakes;
    strcpy(a->line[0], "the first");
}

/* --- what is said --- */

static char said[400];
static jmp_buf panicked;

void __wrap_panic(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));
void __wrap_guest_log(struct domain *about, const char *fmt, ...) PRINTF(2, 3);

static void say(const char *fmt, va_list args)
{
    vsnprintf(said, sizeof(said), fmt, args);
}

void __wrap_guest_log(struct domain *about, const char *fmt, ...)
{
    va_list args;

    assert_null(about);
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
}

void __wrap_panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    longjmp(panicked, 1);
}

/* --- dispatch --- */

static hypercall_t installed[NR_HYPERCALLS];

static long original(uint64_t a, uint64_t b, uint64_t c, uint64_t e, uint64_t f, uint64_t g)
{
    assert_int_equal(a + b + c + e + f + g, 111111);
    return -XEN_EBUSY;
}

hypercall_t hypercall_replace(unsigned nr, hypercall_t by)
{
    assert_null(installed[nr]);
    installed[nr] = by;
    return original;
}

static int begin(void **state)
{
    (void)state;
    fake_cpu_init();
    d = fake_new_domain(2);
    assert_int_equal(grant_init(d), 0);
    fake_become(d->vcpu[0]);
    audits = mistakes = domains_seen = 0;
    stopped = false;
    memset(noted, 0, sizeof(noted));
    return 0;
}

static int end(void **state)
{
    (void)state;
    grant_destroy(d);
    grant_free(d);
    fake_free_domain(d);
    fake_memory_end();
    return 0;
}

static long audit(struct lamina_audit *result)
{
    memset(result, 0xff, sizeof(*result));
    memset(noted, 0, sizeof(noted));
    return audit_op(d->vcpu[0], result);
}

/* What core/ took is what it tells of. */
static void expect_all_noted(void)
{
    struct lamina_audit result;

    assert_int_equal(audit(&result), 0);
    assert_int_equal(result.findings, 0);
    assert_int_equal(result.frames, 599);
    assert_int_equal(result.pad, 0);
    for (unsigned i = 1; i < FAKE_FRAMES; i++) {
        assert_int_equal(noted[i].refs, fake_frame[i].refs);
        assert_int_equal(noted[i].uses, fake_frame[i].writable_refs);
    }
}

static void grant(uint32_t ref, uint64_t frame)
{
    *shared_of(&d->grant, ref) = frame << 32 | (uint64_t)d->id << 16 | GTF_permit_access;
}

static void tells_of_all_that_core_holds(void **state)
{
    struct domain *other = fake_new_domain(1);
    uint64_t one = fake_new_frame(d), two = fake_new_frame(d), three = fake_new_frame(d);
    mfn_t frame;

    (void)state;
    may_stop = false;
    assert_int_equal(audit(&(struct lamina_audit){0}), -XEN_EAGAIN);
    may_stop = true;
    expect_all_noted();
    assert_int_equal(domains_seen, 2);

    assert_int_equal(grant_add_frame(d), 0);
    grant(8, one);
    grant(1000, two);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(grant_pin(d, 8, d->id, true, &frame), 0);
    expect_all_noted();
    assert_int_equal(noted[one].refs, 3);
    assert_int_equal(grant_pin(d, 8, d->id, false, &frame), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(grant_pin(d, 1000, d->id, false, &frame), 0);
    expect_all_noted();
    assert_int_equal(noted[one].refs, 4);
    assert_int_equal(noted[one].uses, 1);
    assert_int_equal(noted[two].uses, 2);

    assert_int_equal(arch_frame_get(mfn(three), d, true), 0);
    d->vcpu[1]->info_frame = mfn(three);
    assert_int_equal(arch_frame_get(mfn(three), d, true), 0);
    d->console.ring_frame = mfn(three);
    d->console.ring = arch_frame_bytes(mfn(three));
    expect_all_noted();
    assert_int_equal(noted[three].uses, 2);

    /* The FIFO event channels' pages. */
    d->evtchn.table = aligned_alloc(PAGE_SIZE, 4 * PAGE_SIZE);
    assert_int_equal(arch_frame_get(mfn(three), d, true), 0);
    d->evtchn.table->words[0] = arch_frame_bytes(mfn(three));
    d->evtchn.nr_words = EVTCHN_WORDS_PER_PAGE;
    assert_int_equal(arch_frame_get(mfn(three), d, true), 0);
    d->vcpu[1]->evtchn.block = (void *)((char *)arch_frame_bytes(mfn(three)) + 64);
    expect_all_noted();
    assert_int_equal(noted[three].uses, 4);
    arch_frame_put(mfn(three), true);
    arch_frame_put(mfn(three), true);
    d->evtchn.nr_words = 0;
    d->vcpu[1]->evtchn.block = NULL;
    free(d->evtchn.table);

    /* One that ended: who has its frames has them still. */
    d->dying = true;
    d->state = DOMAIN_DEAD;
    grant_destroy(d);
    expect_all_noted();

    for (unsigned i = 0; i < 4; i++)
        grant_unpin(d, 8, i < 3);
    for (unsigned i = 0; i < 2; i++) {
        grant_unpin(d, 1000, false);
        arch_frame_put(mfn(three), true);
    }
    d->vcpu[1]->info_frame = INVALID_MFN;
    d->console.ring = NULL;
    expect_all_noted();
    fake_free_domain(other);
}

static void not_now(void **state)
{
    struct lamina_audit result;

    (void)state;
    operations_suspended = 1;
    assert_int_equal(audit(&result), -XEN_EAGAIN);
    operations_suspended = 0;
    fake_pages_left = 1;
    assert_int_equal(audit(&result), -XEN_ENOMEM);
    assert_int_equal(audits, 0);
    fake_pages_left = 2;
    assert_int_equal(audit(&result), 0);
    assert_int_equal(audits, 1);
}

static void tells_what_was_found(void **state)
{
    struct lamina_audit result;

    (void)state;
    mistakes = 7;
    assert_int_equal(audit(&result), 0);
    assert_int_equal(result.findings, 7);
}

static void follows_each_call(void **state)
{
    static const unsigned calls[] = {
        __HYPERVISOR_mmu_update,        __HYPERVISOR_mmuext_op,
        __HYPERVISOR_update_va_mapping, __HYPERVISOR_update_va_mapping_otherdomain,
        __HYPERVISOR_memory_op,         __HYPERVISOR_grant_table_op,
        __HYPERVISOR_set_gdt,           __HYPERVISOR_update_descriptor,
        __HYPERVISOR_vm_assist,         __HYPERVISOR_vcpu_op,
        __HYPERVISOR_event_channel_op,
    };
    unsigned n = 0;

    (void)state;
    said[0] = 0;
    audit_end(); /* nobody wanted any */
    assert_int_equal(audits, 0);
    assert_string_equal(said, "");

    assert_true(audit_calls());
    for (unsigned nr = 0; nr < NR_HYPERCALLS; nr++)
        n += installed[nr] != NULL;
    assert_int_equal(n, ARRAY_LEN(calls));
    for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
        assert_int_equal(installed[calls[i]](1, 10, 100, 1000, 10000, 100000), -XEN_EBUSY);
        assert_int_equal(audits, i + 1);
    }
    operations_suspended = 1;
    installed[calls[0]](1, 10, 100, 1000, 10000, 100000);
    operations_suspended = 0;
    assert_int_equal(audits, ARRAY_LEN(calls));
    audit_end();
    assert_string_equal(said, "12 audits found nothing, 1 were skipped");

    mistakes = 1;
    if (setjmp(panicked) == 0) {
        installed[__HYPERVISOR_set_gdt](1, 10, 100, 1000, 10000, 100000);
        fail_msg("it went on");
    }
    assert_string_equal(said, "audit after set_gdt of d1: the first");
    if (setjmp(panicked) == 0) {
        audit_end();
        fail_msg("it went on");
    }
    assert_string_equal(said, "audit after the end of d1: the first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_of_all_that_core_holds, begin, end),
        cmocka_unit_test_setup_teardown(not_now, begin, end),
        cmocka_unit_test_setup_teardown(tells_what_was_found, begin, end),
        cmocka_unit_test_setup_teardown(follows_each_call, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
