/* The scheduler with a clock that moves only when a vCPU computes. */
#include "fake.h"
#include "tests.h"

static int begin(void **state)
{
    (void)state;
    fake_cpu_init();
    return 0;
}

static int end(void **state)
{
    (void)state;
    fake_memory_end();
    return 0;
}

static void end_domain(struct domain *d)
{
    fake_cpu_end();
    fake_free_domain(d);
}

static void start(struct vcpu *v, void (*body)(void *arg), void *arg)
{
    fake_give_body(v, body, arg);
    sched_start(v);
}

static uint64_t stop_at;
static uint64_t ran[8];

static void compute(void *arg)
{
    uint64_t *mine = arg;

    while (fake_now < stop_at) {
        fake_compute(100000);
        *mine += 100000;
    }
}

static void equal_shares(void **state)
{
    struct domain *d = fake_new_domain(4);

    (void)state;
    stop_at = fake_now + 4000000000;
    for (unsigned i = 0; i < 4; i++) {
        ran[i] = 0;
        start(d->vcpu[i], compute, &ran[i]);
    }
    fake_run(0);
    for (unsigned i = 0; i < 4; i++) {
        assert_in_range(ran[i], 980000000, 1020000000);
        assert_in_range(d->vcpu[i]->sched.time_ns[STATE_RUNNING], 980000000, 1020000000);
    }
    /* One switch a slice, and a few to begin and end. */
    assert_in_range(fake_switches, 4000000000 / SCHED_SLICE_NS, 4000000000 / SCHED_SLICE_NS + 10);
    end_domain(d);
}

/* A vCPU that gives way early gets no more than it takes, and delays nobody. */
static void give_way_soon(void *arg)
{
    uint64_t *mine = arg;

    while (fake_now < stop_at) {
        fake_compute(SCHED_SLICE_NS / 10);
        *mine += SCHED_SLICE_NS / 10;
        sched_give_way();
    }
}

static void polite_ones_take_turns(void **state)
{
    struct domain *d = fake_new_domain(3);

    (void)state;
    stop_at = fake_now + 600000000;
    ran[0] = ran[1] = ran[2] = 0;
    start(d->vcpu[0], compute, &ran[0]);
    start(d->vcpu[1], give_way_soon, &ran[1]);
    start(d->vcpu[2], give_way_soon, &ran[2]);
    fake_run(0);
    assert_in_range(ran[0], 490000000, 510000000);
    assert_in_range(ran[1], 40000000, 60000000);
    assert_in_range(ran[2], 40000000, 60000000);
    end_domain(d);
}

static void no_tick_while_alone(void **state)
{
    struct domain *d = fake_new_domain(1);

    (void)state;
    stop_at = fake_now + 500000000;
    ran[0] = 0;
    start(d->vcpu[0], compute, &ran[0]);
    fake_run(0);
    assert_int_equal(fake_deadline, 0);
    assert_int_equal(fake_switches, 2);
    end_domain(d);
}

static void yield_alone_does_not_switch(void *arg)
{
    unsigned *done = arg;
    unsigned before = fake_switches;

    for (unsigned i = 0; i < 10; i++) {
        sched_give_way();
        schedule();
    }
    assert_int_equal(fake_switches, before);
    *done = 1;
}

static void yield_alone(void **state)
{
    struct domain *d = fake_new_domain(1);
    unsigned done = 0;

    (void)state;
    start(d->vcpu[0], yield_alone_does_not_switch, &done);
    fake_run(0);
    assert_int_equal(done, 1);
    end_domain(d);
}

/* --- blocking --- */

static bool condition;
static unsigned looks, wakes_in_ready;

static bool is_true(struct vcpu *v, const void *arg)
{
    assert_ptr_equal(v, current);
    assert_ptr_equal(arg, &condition);
    looks++;
    while (wakes_in_ready) {
        wakes_in_ready--;
        sched_wake(v); /* from another CPU, in the worst moment */
    }
    return condition;
}

static void block_once(void *arg)
{
    sched_block(STATE_BLOCKED, is_true, &condition);
    ++*(unsigned *)arg;
}

static void blocks_until_woken(void **state)
{
    struct domain *d = fake_new_domain(1);
    struct vcpu *v = d->vcpu[0];
    unsigned done = 0;

    (void)state;
    condition = false;
    start(v, block_once, &done);
    fake_run(0);
    assert_int_equal(done, 0);
    assert_int_equal(v->sched.state, STATE_BLOCKED);
    sched_start(v); /* for offline vCPUs only */
    fake_run(0);
    assert_int_equal(done, 0);
    sched_wake(v);
    assert_int_equal(v->sched.state, STATE_RUNNABLE);
    sched_wake(v);
    fake_run(0);
    assert_int_equal(done, 1);
    assert_int_equal(v->sched.state, STATE_OFFLINE);
    end_domain(d);
}

static void does_not_block_if_ready(void **state)
{
    struct domain *d = fake_new_domain(1);
    unsigned done = 0;

    (void)state;
    condition = true;
    start(d->vcpu[0], block_once, &done);
    fake_run(0);
    assert_int_equal(done, 1);
    end_domain(d);
}

static void no_wake_is_lost(void **state)
{
    struct domain *d = fake_new_domain(3);
    unsigned done = 0;

    (void)state;
    /* A wake between the vCPU's decision to block and its leaving the CPU. */
    for (unsigned i = 0; i < 2; i++) {
        condition = i;
        wakes_in_ready = 1;
        start(d->vcpu[i], block_once, &done);
        fake_run(0);
        assert_int_equal(done, i + 1);
    }
    assert_false(is_queued(&d->vcpu[0]->sched.ready));
    end_domain(d);
}

static struct vcpu *to_wake;

static void wake_it(struct timer *t)
{
    (void)t;
    sched_wake(to_wake);
}

/* At once, unless the other one has just begun to run. */
static void woken_runs_soon(void **state)
{
    struct domain *d = fake_new_domain(3);
    const uint64_t *waited;
    unsigned done = 0;
    struct timer t;

    (void)state;
    condition = false;
    start(d->vcpu[1], block_once, &done);
    start(d->vcpu[2], block_once, &done);
    fake_run(0);
    stop_at = fake_now + 50000000;
    ran[0] = 0;
    start(d->vcpu[0], compute, &ran[0]);
    timer_init(&t, wake_it);
    for (unsigned i = 1; i < 3; i++) {
        waited = &d->vcpu[i]->sched.time_ns[STATE_RUNNABLE];
        to_wake = d->vcpu[i];
        timer_set(&t, fake_now + (i == 1 ? 30000 : 3000000));
        stop_at = fake_now + 5000000;
        fake_run(0);
        assert_int_equal(done, i);
        assert_int_equal(*waited, i == 1 ? SCHED_MIN_RUN_NS - 30000 : 0);
        d->vcpu[0]->sched.parked = false;
        start(d->vcpu[0], compute, &ran[0]);
    }
    end_domain(d);
}

static void offline_is_not_woken(void **state)
{
    struct domain *d = fake_new_domain(1);
    unsigned done = 0;

    (void)state;
    condition = true;
    fake_give_body(d->vcpu[0], block_once, &done);
    sched_wake(d->vcpu[0]);
    fake_run(0);
    assert_int_equal(done, 0);
    end_domain(d);
}

static void parked_stays_so(void **state)
{
    struct domain *d = fake_new_domain(1);
    unsigned done = 0;

    (void)state;
    condition = true;
    assert_true(sched_is_off(d->vcpu[0]));
    start(d->vcpu[0], block_once, &done);
    assert_false(sched_is_off(d->vcpu[0]));
    fake_run(0);
    assert_true(sched_is_off(d->vcpu[0]));
    sched_wake(d->vcpu[0]);
    sched_start(d->vcpu[0]);
    fake_run(0);
    assert_int_equal(done, 1);
    end_domain(d);
}

/* --- accounting --- */

static void compute_and_block(void *arg)
{
    fake_compute(7000000);
    block_once(arg);
    fake_compute(2000000);
}

static uint64_t time_in(const struct vcpu *v, unsigned state)
{
    return sched_runstate(v, fake_now).time[state];
}

static void times_add_up(void **state)
{
    struct domain *d = fake_new_domain(1);
    struct vcpu *v = d->vcpu[0];
    uint64_t begun = fake_now, sum = 0;
    unsigned done = 0;

    (void)state;
    condition = false;
    fake_pass(1000);
    start(v, compute_and_block, &done);
    fake_pass(500);
    fake_run(0);
    fake_pass(5000000);
    sched_wake(v);
    fake_pass(300);
    fake_run(0);
    fake_pass(40);
    assert_int_equal(time_in(v, STATE_RUNNING), 9000000);
    assert_int_equal(time_in(v, STATE_RUNNABLE), 800);
    assert_int_equal(time_in(v, STATE_BLOCKED), 5000000);
    assert_int_equal(time_in(v, STATE_OFFLINE), 1040);
    for (unsigned i = 0; i < 4; i++)
        sum += time_in(v, i);
    assert_int_equal(sum, fake_now - begun);
    end_domain(d);
}

static void runstate_area_follows(void **state)
{
    struct domain *d = fake_new_domain(1);
    struct vcpu *v = d->vcpu[0];
    struct vcpu_runstate_info area = {0};
    unsigned done = 0;

    (void)state;
    condition = false;
    v->runstate_area = fake_ptr(&area);
    start(v, compute_and_block, &done);
    fake_run(0);
    assert_int_equal(area.state, RUNSTATE_running); /* it has not begun to run again yet */
    assert_int_equal(area.time[RUNSTATE_running], 0);
    fake_pass(5000000);
    sched_wake(v);
    fake_run(0);
    assert_int_equal(area.state, RUNSTATE_running);
    assert_int_equal(area.time[RUNSTATE_running], 7000000);
    assert_int_equal(area.time[RUNSTATE_blocked], 5000000);
    assert_false(v->sched.runstate_stale);
    end_domain(d);
}

static struct vcpu_runstate_info *watched;
static unsigned writes, marked;

/* What another vCPU of the guest sees before each write. */
static void watch(void)
{
    writes++;
    marked += watched->state_entry_time >> 63;
}

static void runstate_area_is_marked_while_it_changes(void **state)
{
    struct domain *d = fake_new_domain(1);
    struct vcpu *v = d->vcpu[0];
    struct vcpu_runstate_info area = {0};

    (void)state;
    watched = &area;
    writes = marked = 0;
    v->runstate_area = fake_ptr(&area);
    fake_race = watch;
    sched_write_runstate(v);
    assert_int_equal(writes, 1);
    assert_int_equal(marked, 0);
    d->vm_assist = 1ul << VMASST_TYPE_runstate_update_flag;
    sched_write_runstate(v);
    fake_race = NULL;
    assert_int_equal(writes, 4);
    assert_int_equal(marked, 2); /* before the whole is written, and before the mark goes */
    assert_int_equal(area.state_entry_time, v->sched.since_ns);
    assert_int_equal(area.state, RUNSTATE_offline);
    assert_false(v->sched.runstate_stale);
    v->runstate_area = guest_ptr(8);
    sched_write_runstate(v);
    assert_true(v->sched.runstate_stale);
    end_domain(d);
}

static void unmapped_runstate_area_is_noted(void **state)
{
    struct domain *d = fake_new_domain(1);
    struct vcpu *v = d->vcpu[0];
    unsigned done = 0;

    (void)state;
    condition = false;
    v->runstate_area = guest_ptr(8);
    start(v, block_once, &done);
    fake_run(0);
    sched_wake(v);
    fake_run(0);
    assert_int_equal(done, 1);
    assert_true(v->sched.runstate_stale);
    end_domain(d);
}

static void long_work(void *arg)
{
    unsigned *steps = arg;

    while (fake_now < stop_at) {
        fake_now += 100000;
        cond_resched();
        ++*steps;
    }
}

static unsigned found_suspended;

static void compute_beside(void *arg)
{
    while (fake_now < stop_at) {
        found_suspended += operations_suspended;
        fake_compute(100000);
        *(uint64_t *)arg += 100000;
    }
}

/* A long hypercall lets the other vCPU have its share, who can know that it is not over. */
static void long_operations_give_way(void **state)
{
    struct domain *d = fake_new_domain(2);
    unsigned steps = 0;

    (void)state;
    stop_at = fake_now + 200000000;
    ran[1] = found_suspended = 0;
    start(d->vcpu[0], long_work, &steps);
    start(d->vcpu[1], compute_beside, &ran[1]);
    fake_run(0);
    assert_in_range(steps, 990, 1110);
    assert_in_range(ran[1], 89000000, 111000000);
    assert_int_equal(found_suspended, ran[1] / 100000);
    assert_int_equal(operations_suspended, 0);
    end_domain(d);
}

static void kicked_alone(void *arg)
{
    sched_look();
    fake_pass(2 * SCHED_SLICE_NS); /* a deadline from before may pass */
    current->work = 0;
    sched_look();
    assert_int_equal(fake_deadline, 0);
    ++*(unsigned *)arg;
}

static void kicked_beside(void *arg)
{
    sched_look();
    assert_int_equal(fake_deadline, fake_now + SCHED_SLICE_NS);
    ++*(unsigned *)arg;
}

/* Only the one who is not alone has its time limited. */
static void kicks(void **state)
{
    struct domain *d = fake_new_domain(2);
    unsigned done = 0;

    (void)state;
    sched_look();
    start(d->vcpu[0], kicked_beside, &done);
    start(d->vcpu[1], kicked_alone, &done);
    sched_look();
    fake_run(0);
    assert_int_equal(done, 2);
    end_domain(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_shares, begin, end),
        cmocka_unit_test_setup_teardown(polite_ones_take_turns, begin, end),
        cmocka_unit_test_setup_teardown(no_tick_while_alone, begin, end),
        cmocka_unit_test_setup_teardown(yield_alone, begin, end),
        cmocka_unit_test_setup_teardown(blocks_until_woken, begin, end),
        cmocka_unit_test_setup_teardown(does_not_block_if_ready, begin, end),
        cmocka_unit_test_setup_teardown(no_wake_is_lost, begin, end),
        cmocka_unit_test_setup_teardown(woken_runs_soon, begin, end),
        cmocka_unit_test_setup_teardown(offline_is_not_woken, begin, end),
        cmocka_unit_test_setup_teardown(parked_stays_so, begin, end),
        cmocka_unit_test_setup_teardown(times_add_up, begin, end),
        cmocka_unit_test_setup_teardown(runstate_area_follows, begin, end),
        cmocka_unit_test_setup_teardown(runstate_area_is_marked_while_it_changes, begin, end),
        cmocka_unit_test_setup_teardown(unmapped_runstate_area_is_noted, begin, end),
        cmocka_unit_test_setup_teardown(long_operations_give_way, begin, end),
        cmocka_unit_test_setup_teardown(kicks, begin, end),
        cmocka_unit_test_setup_teardown(mutex_is_free_when_nobody_waits, begin, end),
        cmocka_unit_test_setup_teardown(mutex_hands_over_in_order, begin, end),
        cmocka_unit_test_setup_teardown(mutex_excludes, begin, end),
        cmocka_unit_test_setup_teardown(mutex_outlasts_spurious_wakes, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
