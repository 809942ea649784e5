/* The life of domains: making, shutdown, what is given back and when, the machine's exit status. */
#include "fake.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Included, so that what it counts over a whole run can begin anew with each test. */
#include "core/domain.c" /* NOLINT(bugprone-suspicious-include) */
#include "abi/io/console.h"

#define NOT_ENDED (-1)

/* --- what domain.c calls --- */

static char said[2000];
static struct domain *focus;
static struct abi_version abi;
static int machine_status;
static unsigned relinquished, inits_left;
static jmp_buf off;

void guest_log(struct domain *d, const char *fmt, ...)
{
    size_t used = strlen(said);
    va_list args;

    assert_null(d);
    va_start(args, fmt);
    vsnprintf(said + used, sizeof(said) - used, fmt, args);
    va_end(args);
    strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    abort();
}

void fake_no_lock_held(void)
{
    assert_int_equal(lock.held, 0);
}

void console_domain_flush(struct domain *d)
{
    log_line("flush %s", d->name);
}

void console_replace_focus(const struct domain *from, struct domain *to)
{
    if (focus == from)
        focus = to;
}

const struct abi_version *abi_version_find(uint32_t number)
{
    abi.number = number;
    memset(abi.subops, 0xff, sizeof(abi.subops));
    return &abi;
}

int arch_domain_init(struct domain *d)
{
    (void)d;
    return inits_left-- ? 0 : -XEN_ENOMEM;
}

void arch_domain_relinquish(struct domain *d)
{
    assert_true(d->dying);
    relinquished++;
}

void arch_domain_free(struct domain *d)
{
    assert_int_equal(d->state, DOMAIN_DEAD);
}

int arch_vcpu_init(struct vcpu *v)
{
    (void)v;
    return inits_left-- ? 0 : -XEN_ENOMEM;
}

void arch_vcpu_free(struct vcpu *v)
{
    assert_true(sched_is_off(v));
}

uint64_t arch_boot_wallclock_ns(void)
{
    return 5000000007ul;
}

struct vcpu_time_info arch_time_info(void)
{
    return (struct vcpu_time_info){.version = 2};
}

int arch_grant_map(uint64_t host_addr, mfn_t frame, uint32_t flags)
{
    (void)host_addr, (void)frame, (void)flags;
    return GNTST_general_error;
}

int arch_grant_unmap(uint64_t host_addr, mfn_t frame, uint32_t flags)
{
    (void)host_addr, (void)frame, (void)flags;
    return GNTST_general_error;
}

void arch_grant_flush(void)
{
}

/* No vCPU goes on after it; the test does. */
void arch_machine_exit(int status)
{
    assert_int_equal(machine_status, NOT_ENDED);
    machine_status = status;
    if (current == fake_idle())
        longjmp(off, 1);
    sched_park();
}

/* --- helpers --- */

static int begin(void **state)
{
    (void)state;
    fake_cpu_init();
    alive = 1;
    any_failed = false;
    machine_status = NOT_ENDED;
    inits_left = UINT_MAX;
    relinquished = 0;
    focus = NULL;
    said[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    while (ended)
        domain_reap();
    for (unsigned i = 0; i < ARRAY_LEN(domains); i++)
        assert_null(domains[i]);
    fake_cpu_end();
    fake_memory_end();
    return 0;
}

static struct domain *make(uint16_t id, const char *name, unsigned nr_vcpus)
{
    struct domain_config config = {
        .id = id, .vcpus = nr_vcpus, .pages = 100, .weight = 256, .cpus = ~0ul};

    strcpy(config.name, name);
    return domain_create(&config);
}

static uint8_t how; /* the next domain to run ends */

static void end_itself(void *arg)
{
    struct vcpu *v = arg;

    if (how == SHUTDOWN_crash)
        domain_crash(v->domain, "reason %u", 7u);
    else
        domain_shutdown(v->domain, how);
    assert_true(v->work & WORK_STOP);
    domain_vcpu_stopped(v);
}

static struct domain *start(uint16_t id, const char *name)
{
    struct domain *d = make(id, name, 2);

    assert_non_null(d);
    assert_int_equal(d->state, DOMAIN_BUILDING);
    fake_give_body(d->vcpu[0], end_itself, d->vcpu[0]);
    domain_start(d);
    return d;
}

/* The domain runs, and ends in that way. */
static void run(uint8_t code)
{
    how = code;
    fake_run(0);
}

/* --- tests --- */

static void a_new_domain(void **state)
{
    struct domain *d = start(3, "ann");

    (void)state;
    assert_string_equal(d->name, "ann");
    assert_int_equal(d->abi->number, LAMINA_ABI_VERSION);
    assert_int_equal(d->shared->wc_sec, 5);
    assert_int_equal(d->shared->wc_nsec, 7);
    assert_int_equal(d->shared->vcpu_info[0].time.version, 2);
    assert_true(d->vcpu[0]->up);
    assert_false(d->vcpu[1]->up);
    assert_ptr_equal(domain_get(3), d);
    assert_int_equal(d->refs, 2);
    domain_put(d);
    assert_null(domain_get(0));
    assert_null(domain_get(4));
    assert_null(domain_get(DOMID_IDLE));
    assert_null(domain_get(CONFIG_MAX_DOMAINS + 1));
    fake_become(d->vcpu[0]);
    assert_ptr_equal(domain_get(DOMID_SELF), d);
    domain_put(d);
    assert_int_equal(domain_check_own(DOMID_SELF), 0);
    assert_int_equal(domain_check_own(3), 0);
    assert_int_equal(domain_check_own(4), -XEN_ESRCH);
    fake_become(fake_idle());
    run(SHUTDOWN_poweroff);
}

static void other_domains_are_not_ones_own(void **state)
{
    struct domain *ann = start(1, "ann");

    (void)state;
    start(2, "bob");
    fake_become(ann->vcpu[0]);
    assert_int_equal(domain_check_own(2), -XEN_EPERM);
    assert_int_equal(domains[2]->refs, 1);
    fake_become(fake_idle());
    run(SHUTDOWN_poweroff);
}

static void all_powered_off(void **state)
{
    (void)state;
    start(1, "ann");
    start(2, "bob");
    domains_one_less(false); /* boot is over */
    run(SHUTDOWN_poweroff);
    assert_int_equal(machine_status, 0);
    assert_int_equal(relinquished, 2);
    assert_string_equal(said, "flush ann\nann: powered off\nflush bob\nbob: powered off\n"
                              "all domains are over\n");
}

static void one_crashed(void **state)
{
    (void)state;
    start(1, "ann");
    run(SHUTDOWN_crash);
    start(2, "bob");
    domains_one_less(false);
    assert_int_equal(machine_status, NOT_ENDED);
    run(SHUTDOWN_poweroff);
    assert_int_equal(machine_status, 1);
    assert_non_null(strstr(said, "ann: crash: reason 7\nflush ann\nann: crashed\n"));
}

static void every_other_code_is_a_failure(void **state)
{
    static const struct {
        uint8_t code;
        const char *says;
    } ways[] = {
        {SHUTDOWN_reboot, "ann: asked for a reboot, which Lamina does not do\n"},
        {SHUTDOWN_suspend, "ann: asked to be suspended, which Lamina does not do\n"},
        {SHUTDOWN_watchdog, "ann: stopped by its watchdog\n"},
        {SHUTDOWN_soft_reset, "ann: asked for a soft reset, which Lamina does not do\n"},
        {6, "ann: shut down with an unknown code\n"},
        {255, "ann: shut down with an unknown code\n"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
        begin(state);
        start(1, "ann");
        domains_one_less(false);
        run(ways[i].code);
        assert_int_equal(machine_status, 1);
        assert_non_null(strstr(said, ways[i].says));
        domain_reap();
        fake_cpu_end();
    }
    fake_cpu_init();
}

/* However early domains end: not before all that are to run have been made. */
static void the_run_does_not_end_while_booting(void **state)
{
    (void)state;
    fake_pages_left = 0;
    assert_null(make(1, "ann", 1));
    fake_pages_left = 4;
    assert_null(make(1, "ann", 1));
    assert_int_equal(machine_status, NOT_ENDED);
    fake_pages_left = UINT_MAX;
    domain_reap();
    start(1, "bob");
    domains_one_less(true);
    run(SHUTDOWN_poweroff);
    assert_int_equal(machine_status, 1);
}

static void no_domain_at_all(void **state)
{
    (void)state;
    if (!setjmp(off))
        domains_one_less(false);
    assert_int_equal(machine_status, 0);
}

/* Whatever is missing: nothing is kept of a domain that cannot be made. */
static void half_made_domains_leave_nothing(void **state)
{
    unsigned tries = 0;

    (void)state;
    for (unsigned left = 0;; left++, tries++) {
        fake_pages_left = left;

        struct domain *d = make(1, "ann", 3);

        fake_pages_left = UINT_MAX;
        if (d) {
            domain_destroy(d);
            domain_reap();
            break;
        }
        domain_reap();
        assert_int_equal(fake_pages, 0);
        assert_null(domain_get(1));
    }
    assert_in_range(tries, 8, 100);
    for (unsigned left = 0; left < 4; left++) {
        inits_left = left;
        assert_null(make(1, "ann", 3));
        domain_reap();
        assert_int_equal(fake_pages, 0);
    }
    assert_int_equal(alive, 1);
    assert_true(any_failed);
}

/* Others may look at it as long as they have a reference; it gives nothing any more. */
static void a_referenced_domain_stays(void **state)
{
    struct domain *d = start(1, "ann");
    struct evtchn *chn = d->evtchn.table->page[0];

    (void)state;
    assert_ptr_equal(domain_get(1), d);
    run(SHUTDOWN_poweroff);
    assert_int_equal(d->state, DOMAIN_DEAD);
    assert_true(d->dying);
    domain_reap();
    assert_ptr_equal(domain_get(1), d);
    domain_put(d);
    assert_int_equal(chn[1].state, CHAN_FREE); /* memory that is there still */
    assert_int_equal(evtchn_is_pending(d, 1), 0);
    domain_put(d);
    domain_reap();
    assert_null(domain_get(1));
    assert_int_equal(fake_pages, 0);
}

/* The order in which they can be freed is not that in which they ended. */
static void domains_are_freed_in_any_order(void **state)
{
    struct domain *ann = start(1, "ann"), *bob = start(2, "bob");

    (void)state;
    start(3, "eve");
    assert_ptr_equal(domain_get(1), ann);
    assert_ptr_equal(domain_get(2), bob);
    run(SHUTDOWN_poweroff);
    for (unsigned i = 0; i < 3; i++)
        domain_reap();
    assert_null(domains[3]);
    domain_put(bob);
    domain_reap();
    assert_null(domains[2]);
    assert_non_null(domains[1]);
    domain_put(ann);
}

static void the_first_code_stands(void **state)
{
    struct domain *d = start(1, "ann");

    (void)state;
    domain_shutdown(d, SHUTDOWN_poweroff);
    said[0] = '\0';
    domain_shutdown(d, SHUTDOWN_reboot);
    domain_crash(d, "too late");
    assert_string_equal(said, "");
    assert_int_equal(d->shutdown_code, SHUTDOWN_poweroff);
    domains_one_less(false);
    run(SHUTDOWN_reboot);
    assert_int_equal(machine_status, 0);
}

static void sleep_until_stopped(void *arg)
{
    struct vcpu *v = arg;

    while (!(v->work & WORK_STOP))
        sched_block(STATE_BLOCKED, NULL, NULL);
    domain_vcpu_stopped(v);
}

/* Its vCPUs are woken for the end, and the last of them makes it. */
static void the_last_vcpu_ends_the_domain(void **state)
{
    struct domain *d = make(1, "ann", 3);

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        fake_give_body(d->vcpu[i], sleep_until_stopped, d->vcpu[i]);
    domain_start(d);
    d->vcpu[1]->up = true;
    d->vcpus_in = 2;
    fake_run(0); /* vCPU 0 sleeps, 1 has not started */
    domain_shutdown(d, SHUTDOWN_poweroff);
    fake_run(0);
    assert_int_equal(d->vcpu[0]->sched.state, STATE_OFFLINE);
    assert_int_equal(d->state, DOMAIN_SHUTDOWN);
    assert_int_equal(relinquished, 0);
    domain_reap();
    sched_start(d->vcpu[1]);
    fake_run(0);
    assert_int_equal(d->state, DOMAIN_DEAD);
    assert_int_equal(relinquished, 1);
}

/* --- vCPUs that the guest brings up --- */

static unsigned laps[3];

/* What the way out of the hypervisor does, again and again; a lap each time that it is in the
 * guest. */
static void run_laps(void *arg)
{
    struct vcpu *v = arg;

    for (;;) {
        __atomic_fetch_and(&v->work, ~(WORK_DOWN | WORK_RESCHED), __ATOMIC_SEQ_CST);
        if (v->work & WORK_STOP)
            domain_vcpu_stopped(v);
        if (!v->up) {
            sched_block(STATE_OFFLINE, domain_vcpu_may_run, NULL);
            continue;
        }
        laps[v->id]++;
        sched_block(STATE_BLOCKED, NULL, NULL);
    }
}

static struct domain *three_vcpus(void)
{
    struct domain *d = make(1, "ann", 3);

    memset(laps, 0, sizeof(laps));
    for (unsigned i = 0; i < 3; i++)
        fake_give_body(d->vcpu[i], run_laps, d->vcpu[i]);
    domain_start(d);
    fake_run(0);
    assert_int_equal(laps[0], 1);
    fake_become(d->vcpu[0]);
    return d;
}

static long op(unsigned cmd, unsigned vcpu, void *arg)
{
    return do_vcpu_op(cmd, vcpu, fake_ptr(arg));
}

/* Everyone who can runs once. */
static void lap(const struct domain *d)
{
    fake_become(fake_idle());
    for (unsigned i = 0; i < 3; i++)
        sched_wake(d->vcpu[i]);
    fake_run(0);
    fake_become(d->vcpu[0]);
}

static void brings_up_vcpus(void **state)
{
    static struct vcpu_guest_context c = {.user_regs.rip = 77};
    struct domain *d = three_vcpus();

    (void)state;
    assert_int_equal(op(VCPUOP_up, 1, NULL), -XEN_EINVAL);
    assert_int_equal(op(VCPUOP_initialise, 3, &c), -XEN_ENOENT);
    assert_int_equal(op(VCPUOP_initialise, 0, &c), -XEN_EEXIST);
    assert_int_equal(op(VCPUOP_initialise, 1, NULL), -XEN_EFAULT);
    fake_initialise_answer = -XEN_EBUSY;
    assert_int_equal(op(VCPUOP_initialise, 1, &c), -XEN_EBUSY);
    fake_initialise_answer = 0;
    fake_pages_left = 1;
    assert_int_equal(op(VCPUOP_initialise, 1, &c), -XEN_ENOMEM);
    fake_pages_left = UINT_MAX;
    assert_int_equal(op(VCPUOP_up, 1, NULL), -XEN_EINVAL);
    assert_int_equal(op(VCPUOP_initialise, 1, &c), 0);
    assert_int_equal(fake_initialised, 77);
    assert_int_equal(op(VCPUOP_initialise, 1, &c), -XEN_EEXIST);
    assert_int_equal(op(VCPUOP_is_up, 1, NULL), 0);
    assert_int_equal(op(VCPUOP_up, 1, NULL), 0);
    assert_int_equal(op(VCPUOP_up, 1, NULL), 0);
    assert_int_equal(op(VCPUOP_is_up, 1, NULL), 1);
    assert_int_equal(d->vcpus_in, 2);
    lap(d);
    assert_int_equal(laps[1], 1);
    assert_int_equal(laps[2], 0);
    fake_become(fake_idle());
    domain_shutdown(d, SHUTDOWN_poweroff);
    fake_run(0);
    assert_int_equal(d->state, DOMAIN_DEAD);
}

static void vcpus_go_down(void **state)
{
    static struct vcpu_guest_context c;
    struct domain *d = three_vcpus();

    (void)state;
    op(VCPUOP_initialise, 1, &c);
    op(VCPUOP_up, 1, NULL);
    lap(d);
    assert_int_equal(laps[1], 1);
    assert_int_equal(op(VCPUOP_down, 1, NULL), 0); /* it sleeps: it must wake to go */
    fake_become(fake_idle());
    fake_run(0);
    fake_become(d->vcpu[0]);
    assert_int_equal(d->vcpu[1]->sched.state, STATE_OFFLINE);
    assert_int_equal(op(VCPUOP_is_up, 1, NULL), 0);
    lap(d);
    assert_int_equal(laps[1], 1);
    assert_int_equal(op(VCPUOP_down, 1, NULL), 0);
    assert_int_equal(op(VCPUOP_up, 1, NULL), 0);
    assert_int_equal(d->vcpus_in, 2);
    lap(d);
    assert_int_equal(laps[1], 2);
    /* Down and up before it notices. */
    op(VCPUOP_down, 1, NULL);
    op(VCPUOP_up, 1, NULL);
    lap(d);
    assert_int_equal(laps[1], 3);
    /* The end comes while one is down. */
    op(VCPUOP_down, 1, NULL);
    lap(d);
    fake_become(fake_idle());
    domain_shutdown(d, SHUTDOWN_poweroff);
    fake_become(d->vcpu[0]);
    assert_int_equal(op(VCPUOP_up, 1, NULL), 0); /* too late to have an effect */
    fake_become(fake_idle());
    fake_run(0);
    assert_int_equal(d->state, DOMAIN_DEAD);
    assert_int_equal(laps[1], 3);
}

static void the_last_one_down_powers_off(void **state)
{
    static struct vcpu_guest_context c;
    struct domain *d = three_vcpus();

    (void)state;
    op(VCPUOP_initialise, 2, &c);
    op(VCPUOP_up, 2, NULL);
    lap(d);
    assert_int_equal(op(VCPUOP_down, 2, NULL), 0);
    assert_int_equal(d->state, DOMAIN_RUNNING);
    assert_int_equal(op(VCPUOP_down, 0, NULL), 0);
    assert_int_equal(d->state, DOMAIN_SHUTDOWN);
    assert_int_equal(d->shutdown_code, SHUTDOWN_poweroff);
    fake_become(fake_idle());
    fake_run(0);
    assert_int_equal(d->state, DOMAIN_DEAD);
}

static void input_goes_on_to_the_next(void **state)
{
    struct domain *ann = start(1, "ann"), *eve;

    (void)state;
    make(2, "bob", 1); /* does not run */
    eve = start(3, "eve");
    focus = ann;
    domain_shutdown(ann, SHUTDOWN_poweroff);
    fake_become(fake_idle());
    fake_idle()->work = 0; /* it does not give way to eve meanwhile */
    give_back(ann);
    assert_ptr_equal(focus, eve);
    give_back(eve);
    assert_null(focus);
    domain_destroy(domains[2]);
    run(SHUTDOWN_poweroff);
}

static void the_ring_and_registered_infos_are_given_back(void **state)
{
    struct domain *d = start(1, "ann");
    struct vcpu_register_vcpu_info reg = {.mfn = fake_new_frame(d)};
    struct fake_frame *ring = &fake_frame[fake_new_frame(d)], *info = &fake_frame[reg.mfn];

    (void)state;
    d->console.ring_frame = mfn((uint64_t)(ring - fake_frame));
    assert_int_equal(arch_frame_get(d->console.ring_frame, d, true), 0);
    d->console.ring = ring->bytes;
    abi.subops[__HYPERVISOR_vcpu_op] = ~0ul;
    fake_become(d->vcpu[0]);
    assert_int_equal(do_vcpu_op(VCPUOP_register_vcpu_info, 1, fake_ptr(&reg)), 0);
    fake_become(fake_idle());
    assert_int_equal(info->writable_refs, 1);
    run(SHUTDOWN_poweroff);
    assert_int_equal(ring->refs, 0);
    assert_int_equal(info->refs, 0);
}

/* Of vCPUs beyond those in shared_info: what one domain marks there, no other sees. */
static void vcpus_without_an_info_share_nothing(void **state)
{
    struct domain *ann = make(1, "ann", 40), *bob = make(2, "bob", 40);
    struct vcpu_register_vcpu_info reg = {.mfn = fake_new_frame(bob)};
    struct vcpu_info *info = fake_frame[reg.mfn].bytes;
    struct evtchn_bind_ipi ipi = {.vcpu = 35};
    struct evtchn_send send;

    (void)state;
    memset(&abi.subops, 0xff, sizeof(abi.subops));
    fake_become(ann->vcpu[0]);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(do_event_channel_op(EVTCHNOP_bind_ipi, fake_ptr(&ipi)), 0);
    send.port = ipi.port;
    assert_int_equal(do_event_channel_op(EVTCHNOP_send, fake_ptr(&send)), 0);
    assert_int_equal(ann->vcpu[36]->info->evtchn_pending_sel, 0);
    assert_false(evtchn_deliverable(ann->vcpu[35]));

    fake_become(bob->vcpu[0]);
    assert_int_equal(bob->vcpu[35]->info->evtchn_pending_sel, 0);
    assert_int_equal(bob->vcpu[35]->info->evtchn_upcall_pending, 0);
    assert_int_equal(bob->vcpu[35]->info->time.version, 2);
    assert_int_equal(do_vcpu_op(VCPUOP_register_vcpu_info, 35, fake_ptr(&reg)), 0);
    assert_int_equal(info->evtchn_upcall_mask, 1);
    assert_int_equal(info->time.version, 2);
    fake_become(fake_idle());
    domain_destroy(ann);
    domain_destroy(bob);
}

/* Before a test changes it. */
static int boot_counts_as_a_domain(void **state)
{
    (void)state;
    assert_int_equal(alive, 1);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_domain),
        TEST(other_domains_are_not_ones_own),
        TEST(all_powered_off),
        TEST(one_crashed),
        TEST(every_other_code_is_a_failure),
        TEST(the_run_does_not_end_while_booting),
        TEST(no_domain_at_all),
        TEST(half_made_domains_leave_nothing),
        TEST(a_referenced_domain_stays),
        TEST(domains_are_freed_in_any_order),
        TEST(the_first_code_stands),
        TEST(the_last_vcpu_ends_the_domain),
        TEST(the_last_one_down_powers_off),
        TEST(vcpus_go_down),
        TEST(brings_up_vcpus),
        TEST(input_goes_on_to_the_next),
        TEST(the_ring_and_registered_infos_are_given_back),
        TEST(vcpus_without_an_info_share_nothing),
    };

    return cmocka_run_group_tests(tests, boot_counts_as_a_domain, NULL);
}
