/* vcpu_op and set_timer_op. */
#include "helpers.h"

#include <string.h>

struct domain *d;
uint32_t timer_port[2];

int begin(void **state)
{
    (void)state;
    fake_cpu_init();
    d = fake_new_domain(2);
    assert_int_equal(evtchn_init(d), 0);
    fake_become(d->vcpu[0]);
    for (unsigned i = 0; i < 2; i++) {
        struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = i};

        vcpu_init_timers(d->vcpu[i]);
        assert_int_equal(do_event_channel_op(EVTCHNOP_bind_virq, fake_ptr(&bind)), 0);
        timer_port[i] = bind.port;
    }
    return 0;
}

int end(void **state)
{
    (void)state;
    fake_become(fake_idle());
    for (unsigned i = 0; i < 2; i++) {
        vcpu_retire(d->vcpu[i]);
        vcpu_release_info(d->vcpu[i]);
    }
    fake_cpu_end();
    d->dying = true;
    evtchn_destroy(d);
    evtchn_free(d);
    fake_free_domain(d);
    fake_memory_end();
    return 0;
}

unsigned ticks(unsigned vcpu)
{
    uint64_t *word = &d->shared->evtchn_pending[timer_port[vcpu] / 64];
    uint64_t bit = 1ul << timer_port[vcpu] % 64;
    bool pending = *word & bit;

    *word &= ~bit;
    return pending;
}

/* --- timers --- */

static void set_timer(void **state)
{
    (void)state;
    assert_int_equal(do_set_timer_op(fake_now + 1000), 0);
    fake_pass(999);
    assert_int_equal(ticks(0), 0);
    fake_pass(1);
    assert_int_equal(ticks(0), 1);
    assert_int_equal(ticks(1), 0);
    fake_pass(10000000000);
    assert_int_equal(ticks(0), 0);
}

static void zero_cancels(void **state)
{
    (void)state;
    assert_int_equal(do_set_timer_op(0), 0);
    do_set_timer_op(fake_now + 1000);
    assert_int_equal(do_set_timer_op(0), 0);
    fake_pass(10000);
    assert_int_equal(ticks(0), 0);
}

static void past_fires_at_once(void **state)
{
    (void)state;
    assert_int_equal(do_set_timer_op(1), 0);
    fake_pass(0);
    assert_int_equal(ticks(0), 1);
    do_set_timer_op(fake_now);
    fake_pass(0);
    assert_int_equal(ticks(0), 1);
}

/* What old kernels say when they mean "no timer", or when their arithmetic wrapped. */
static void far_ahead_fires_soon(void **state)
{
    const uint64_t far[] = {fake_now + (1ul << 50), UINT64_MAX, 1ul << 63, INT64_MAX};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(far); i++) {
        do_set_timer_op(far[i]);
        fake_pass(99999999);
        assert_int_equal(ticks(0), 0);
        fake_pass(1);
        assert_int_equal(ticks(0), 1);
    }
    do_set_timer_op(fake_now + (1ul << 50) - 1);
    fake_pass(1000000000);
    assert_int_equal(ticks(0), 0);
}

static long vcpu_op(uint32_t cmd, uint32_t vcpu, void *arg)
{
    return do_vcpu_op(cmd, vcpu, fake_ptr(arg));
}

static void singleshot(void **state)
{
    struct vcpu_set_singleshot_timer set = {.timeout_abs_ns = fake_now + 500};

    (void)state;
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 1, &set), -XEN_EINVAL);
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0, NULL), -XEN_EFAULT);
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0, &set), 0);
    fake_pass(500);
    assert_int_equal(ticks(0), 1);
    set.flags = VCPU_SSHOTTMR_future;
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0, &set), 0);
    fake_pass(1);
    assert_int_equal(ticks(0), 1);
    assert_int_equal(vcpu_op(VCPUOP_set_singleshot_timer, 0, &set), 0); /* past: at once */
    fake_pass(0);
    assert_int_equal(ticks(0), 1);

    set = (struct vcpu_set_singleshot_timer){.timeout_abs_ns = fake_now + 500};
    vcpu_op(VCPUOP_set_singleshot_timer, 0, &set);
    assert_int_equal(vcpu_op(VCPUOP_stop_singleshot_timer, 1, NULL), -XEN_EINVAL);
    assert_int_equal(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    fake_pass(1000);
    assert_int_equal(ticks(0), 0);
}

static void periodic(void **state)
{
    struct vcpu_set_periodic_timer set = {.period_ns = 999999};

    (void)state;
    assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, NULL), -XEN_EFAULT);
    assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &set), -XEN_EINVAL);
    set.period_ns = UINT64_MAX;
    assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &set), -XEN_EINVAL);
    set.period_ns = 1ul << 62;
    assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &set), -XEN_EINVAL);
    set.period_ns--;
    assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &set), 0);
    set.period_ns = 1000000;
    assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 0, &set), 0);
    for (unsigned i = 0; i < 5; i++) {
        fake_pass(999999);
        assert_int_equal(ticks(0), 0);
        fake_pass(1);
        assert_int_equal(ticks(0), 1);
    }
    /* Ticks that were missed are not made up for. */
    fake_now += 10000000;
    timer_interrupt();
    assert_int_equal(ticks(0), 1);
    fake_pass(999999);
    assert_int_equal(ticks(0), 0);
    fake_pass(1);
    assert_int_equal(ticks(0), 1);
    assert_int_equal(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    fake_pass(10000000);
    assert_int_equal(ticks(0), 0);
}

static void run_and_sleep(void *arg)
{
    (void)arg;
    fake_compute(3500000);
    sched_block(STATE_BLOCKED, NULL, NULL);
    fake_compute(1500000);
}

/* Ticks of a vCPU that is not up, or sleeps, would keep others from running. */
static void periodic_ticks_only_while_running(void **state)
{
    struct vcpu_set_periodic_timer set = {.period_ns = 1000000};

    (void)state;
    assert_int_equal(vcpu_op(VCPUOP_set_periodic_timer, 1, &set), 0);
    fake_deadline = 0;
    fake_pass(10000000);
    assert_int_equal(ticks(1), 0);
    assert_int_equal(fake_deadline, 0);

    fake_become(fake_idle());
    fake_give_body(d->vcpu[1], run_and_sleep, NULL);
    sched_start(d->vcpu[1]);
    fake_run(0);
    assert_int_equal(ticks(1), 1); /* one pending bit for one missed and three in time */
    fake_pass(10000000);
    assert_int_equal(ticks(1), 0);
    assert_int_equal(d->vcpu[1]->sched.state, STATE_BLOCKED);

    /* What it missed comes as one tick when it runs, and the next a period later. */
    sched_wake(d->vcpu[1]);
    fake_run(0);
    assert_int_equal(ticks(1), 1);
    assert_false(timer_is_set(&d->vcpu[1]->periodic));
}

static void block_with_a_late_tick(void *arg)
{
    (void)arg;
    timer_set(&d->vcpu[1]->periodic, fake_now + 1000000); /* stop_periodic came just before */
    sched_block(STATE_BLOCKED, NULL, NULL);
}

/* A timer that stayed on this CPU would be set on another one as well, once the vCPU runs there. */
static void late_tick_does_not_stay(void **state)
{
    (void)state;
    assert_int_equal(d->vcpu[1]->periodic_ns, 0);
    fake_become(fake_idle());
    fake_give_body(d->vcpu[1], block_with_a_late_tick, NULL);
    sched_start(d->vcpu[1]);
    fake_run(0);
    assert_int_equal(d->vcpu[1]->sched.state, STATE_BLOCKED);
    assert_false(timer_is_set(&d->vcpu[1]->periodic));
}

/* --- registrations --- */

static long register_info(uint32_t vcpu, uint64_t frame, uint32_t offset)
{
    struct vcpu_register_vcpu_info reg = {.mfn = frame, .offset = offset};

    return vcpu_op(VCPUOP_register_vcpu_info, vcpu, &reg);
}

static void vcpu_info_moves(void **state)
{
    uint64_t frame = fake_new_frame(d);
    struct vcpu *v = d->vcpu[0];
    struct vcpu_info *info;

    (void)state;
    v->info->evtchn_upcall_mask = 1;
    v->info->time.system_time = 12345;
    assert_int_equal(register_info(0, frame, 128), 0);
    info = (struct vcpu_info *)((char *)fake_frame[frame].bytes + 128);
    assert_ptr_equal(v->info, info);
    assert_int_equal(info->evtchn_upcall_mask, 1);
    assert_int_equal(info->time.system_time, 12345);
    /* Events that were marked meanwhile are looked for. */
    assert_int_equal(info->evtchn_upcall_pending, 1);
    assert_int_equal(info->evtchn_pending_sel, ~0ul);
    assert_true(v->work & WORK_EVENT);
    assert_int_equal(fake_frame[frame].writable_refs, 1);
    assert_int_equal(register_info(0, frame, 0), -XEN_EINVAL); /* only once */

    info->evtchn_upcall_pending = info->evtchn_upcall_mask = 0;
    info->evtchn_pending_sel = 0;
    do_set_timer_op(1);
    fake_pass(0);
    assert_int_equal(info->evtchn_upcall_pending, 1);

    vcpu_retire(v);
    vcpu_release_info(v);
    assert_int_equal(fake_frame[frame].refs, 0);
    evtchn_mark_upcall(v); /* finds another place */
    vcpu_release_info(v);
}

static void vcpu_info_errors(void **state)
{
    uint64_t frame = fake_new_frame(d), table = fake_new_frame(d);

    (void)state;
    fake_frame[table].is_page_table = true;
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_info, 0, NULL), -XEN_EFAULT);
    assert_int_equal(register_info(2, frame, 0), -XEN_ENOENT);
    assert_int_equal(register_info(0, frame, PAGE_SIZE - sizeof(struct vcpu_info) + 8),
                     -XEN_EINVAL);
    assert_int_equal(register_info(0, frame, UINT32_MAX - 7), -XEN_EINVAL);
    assert_int_equal(register_info(0, frame, 4), -XEN_EINVAL);
    assert_int_equal(register_info(0, 0, 0), -XEN_EINVAL);
    assert_int_equal(register_info(0, ~0ul, 0), -XEN_EINVAL);
    assert_int_equal(register_info(0, table, 0), -XEN_EINVAL);
    d->vcpu[1]->up = true;
    assert_int_equal(register_info(1, frame, 0), -XEN_EINVAL);
    d->vcpu[1]->up = false;
    assert_int_equal(register_info(1, frame, 0), 0);
    assert_int_equal(register_info(0, frame, PAGE_SIZE - sizeof(struct vcpu_info)), 0);
    assert_int_equal(fake_frame[frame].writable_refs, 2);
}

/* The shared page itself is a frame of the domain. */
static void vcpu_info_over_itself(void **state)
{
    (void)state;
    d->vcpu[0]->info->time.system_time = 12345;
    assert_int_equal(register_info(0, arch_page_mfn(d->shared).n, 8), 0);
    assert_int_equal(d->vcpu[0]->info->time.system_time, 12345);
}

static void runstate_area(void **state)
{
    struct vcpu_runstate_info area = {0};
    struct vcpu_register_runstate_memory_area reg = {.addr.h = fake_ptr(&area)};

    (void)state;
    fake_pass(700);
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, NULL), -XEN_EFAULT);
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0);
    assert_int_equal(area.state, RUNSTATE_offline); /* the test's vCPU never ran */
    assert_int_equal(area.time[RUNSTATE_offline], 700);
    assert_int_equal(d->vcpu[0]->runstate_area.addr, (uintptr_t)&area);
    reg.addr.h = guest_ptr(16);
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), -XEN_EFAULT);
    reg.addr.h = guest_ptr(0);
    assert_int_equal(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0);
    assert_int_equal(d->vcpu[0]->runstate_area.addr, 0);
}

static void runstate_info(void **state)
{
    struct vcpu_runstate_info info;

    (void)state;
    fake_pass(300);
    assert_int_equal(vcpu_op(VCPUOP_get_runstate_info, 1, &info), 0);
    assert_int_equal(info.state, RUNSTATE_offline);
    assert_int_equal(info.time[RUNSTATE_offline], 300);
    assert_int_equal(vcpu_op(VCPUOP_get_runstate_info, 1, NULL), -XEN_EFAULT);
}

static void is_up_and_unknown(void **state)
{
    (void)state;
    assert_int_equal(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    d->vcpu[1]->up = true;
    assert_int_equal(vcpu_op(VCPUOP_is_up, 1, NULL), 1);
    assert_int_equal(vcpu_op(VCPUOP_is_up, 2, NULL), -XEN_ENOENT);
    assert_int_equal(vcpu_op(VCPUOP_is_up, UINT32_MAX, NULL), -XEN_ENOENT);
    assert_int_equal(vcpu_op(99, 0, NULL), -XEN_ENOSYS);
    fake_set_subops(false);
    assert_int_equal(vcpu_op(VCPUOP_is_up, 0, NULL), -XEN_ENOSYS);
}

struct vcpu_time_info arch_time_info(void)
{
    return (struct vcpu_time_info){.version = 2, .tsc_to_system_mul = 77};
}

static void nmi(void **state)
{
    (void)state;
    assert_int_equal(vcpu_op(VCPUOP_send_nmi, 1, &timer_port), -XEN_EINVAL);
    assert_int_equal(d->vcpu[1]->work & WORK_NMI, 0);
    assert_int_equal(vcpu_op(VCPUOP_send_nmi, 2, NULL), -XEN_ENOENT);
    assert_int_equal(vcpu_op(VCPUOP_send_nmi, 1, NULL), 0);
    assert_int_equal(d->vcpu[1]->work & WORK_NMI, WORK_NMI);
    assert_int_equal(vcpu_op(VCPUOP_get_physid, 0, NULL), -XEN_EINVAL);
}

static void time_area(void **state)
{
    struct vcpu_time_info area = {0};
    struct vcpu_register_time_memory_area reg = {.addr.h = fake_ptr(&area)};

    (void)state;
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 1, NULL), -XEN_EFAULT);
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 1, &reg), 0);
    assert_int_equal(area.tsc_to_system_mul, 77);
    reg.addr.h = guest_ptr(16);
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 1, &reg), -XEN_EFAULT);
    reg.addr.h = guest_ptr(0);
    assert_int_equal(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 1, &reg), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(set_timer),
        TEST(zero_cancels),
        TEST(past_fires_at_once),
        TEST(far_ahead_fires_soon),
        TEST(singleshot),
        TEST(periodic),
        TEST(periodic_ticks_only_while_running),
        TEST(late_tick_does_not_stay),
        TEST(vcpu_info_moves),
        TEST(vcpu_info_errors),
        TEST(vcpu_info_over_itself),
        TEST(runstate_area),
        TEST(runstate_info),
        TEST(is_up_and_unknown),
        TEST(nmi),
        TEST(time_area),
        TEST(yield_returns),
        TEST(block_unmasks_and_waits),
        TEST(block_returns_if_pending),
        TEST(stopped_domain_does_not_block),
        TEST(shutdown_codes),
        TEST(poll_for_one_port),
        TEST(poll_for_several_ports),
        TEST(poll_times_out),
        TEST(poll_returns_at_once),
        TEST(poll_is_ended_by_an_event),
        TEST(poll_errors),
        TEST(sched_op_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
