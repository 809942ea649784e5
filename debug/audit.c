/* The auditor's half that knows who in core/ holds references on frames, and who asks for it. */
#include "debug/core/audit.h"
#include "debug/core/hypercall_replace.h"

#include "core/config.h"
#include "core/domain.h"
#include "core/grant_internal.h"
#include "core/log.h"

static void note_domain(struct audit *a, struct domain *d)
{
    struct grant_table *gt = &d->grant;

    for (uint32_t ref = 0; ref < gt->nr_frames * GRANT_REFS_PER_FRAME; ref++) {
        const struct grant_active *act = active_of(gt, ref);
        uint32_t readers = act->pins % GRANT_WRITER, writers = act->pins / GRANT_WRITER;

        if (act->pins)
            arch_audit_note(a, act->frame, readers + writers, writers);
    }
    if (d->console.ring)
        arch_audit_note(a, d->console.ring_frame, 1, 1);
    for (uint32_t i = 0; i < d->evtchn.nr_words / EVTCHN_WORDS_PER_PAGE; i++)
        arch_audit_note(a, arch_page_mfn(d->evtchn.table->words[i]), 1, 1);
    for (unsigned i = 0; i < MAX_VCPUS && d->vcpu[i]; i++) {
        if (d->vcpu[i]->evtchn.block)
            arch_audit_note(a, arch_page_mfn(d->vcpu[i]->evtchn.block), 1, 1);
        if (!mfn_equal(d->vcpu[i]->info_frame, INVALID_MFN))
            arch_audit_note(a, d->vcpu[i]->info_frame, 1, 1);
    }
}

static void check(struct audit *a)
{
    for (uint16_t id = 1; id <= CONFIG_MAX_DOMAINS; id++) {
        struct domain *d = domain_get(id); /* also one that ended, as long as it is not freed */

        if (d) {
            arch_audit_domain(a, d);
            note_domain(a, d);
            domain_put(d);
        }
    }
    arch_audit_frames(a);
}

/* 0; -XEN_EAGAIN: half-way through an operation counts need not agree, or another CPU audits;
 * -XEN_ENOMEM. With interrupts off from first to last, and the other CPUs stopped: in their guests,
 * idle, or counted as suspended, as nobody else lets interrupts in. */
static long run(struct audit *a)
{
    const uint64_t last_page = (arch_max_frame() * sizeof(*a->count) - 1) >> PAGE_SHIFT;
    const unsigned order = last_page ? 64 - (unsigned)__builtin_clzl(last_page) : 0;
    long rc = -XEN_EAGAIN;

    a->count = arch_alloc_pages(order); /* before, as it may want the others to answer */
    if (!a->count)
        return -XEN_ENOMEM;
    if (arch_stop_others()) {
        if (!READ_ONCE(operations_suspended)) {
            check(a);
            rc = 0;
        }
        arch_let_others_go();
    }
    arch_free_pages(a->count, order);
    return rc;
}

long audit_op(struct vcpu *v, struct lamina_audit *result)
{
    struct audit a = {.findings = 0};
    long rc = run(&a);

    (void)v;
    *result = (struct lamina_audit){.frames = arch_max_frame() - 1, .findings = a.findings};
    return rc;
}

/* --- an audit after every call --- */

static bool on;
static uint64_t done, skipped;
static hypercall_t real[NR_HYPERCALLS];

void audit_now(const char *when)
{
    struct audit a = {.findings = 0};

    if (!on)
        return;
    if (run(&a) == 0)
        done++;
    else
        skipped++;
    if (a.findings)
        panic("audit after %s of %s: %s", when, current->domain->name, a.line[0]);
}

/* clang-format off */
#define AUDITED(X)                                                                     \
    X(mmu_update) X(mmuext_op) X(update_va_mapping) X(update_va_mapping_otherdomain)   \
    X(memory_op) X(grant_table_op) X(set_gdt) X(update_descriptor) X(vm_assist)        \
    X(vcpu_op) X(event_channel_op)
/* clang-format on */

#define DEFINE(name)                                                                       \
    static long audited_##name(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, \
                               uint64_t f)                                                 \
    {                                                                                      \
        long rc = real[__HYPERVISOR_##name](a, b, c, d, e, f);                             \
                                                                                           \
        audit_now(#name);                                                                  \
        return rc;                                                                         \
    }
AUDITED(DEFINE)

bool audit_calls(void)
{
#define REPLACE(name) \
    real[__HYPERVISOR_##name] = hypercall_replace(__HYPERVISOR_##name, audited_##name);
    AUDITED(REPLACE)
    on = true;
    return true;
}

void audit_end(void)
{
    if (!on)
        return;
    audit_now("the end");
    log_line("%lu audits found nothing, %lu were skipped", done, skipped);
}
