/* Who gets how much of the CPU, played in virtual time. The vCPUs have no threads: the test's own
 * plays whichever runs. Each is a domain of its own unless a test says otherwise. */
#include "fake.h"

#include <stdlib.h>

#define SECOND 1000000000ul
#define MS     1000000ul
#define US     1000ul

struct player {
    struct vcpu v;
    struct domain *d;
    void (*next)(struct player *p); /* what it does when `left` is used up */
    uint64_t run, sleep;            /* for `next` */
    struct player *partner;
    struct timer alarm;
    uint64_t left; /* to compute, before that */
    uint64_t ran, woken_at, late;
    unsigned phase;
};

static struct player *players;
static unsigned nr_players;
static bool stopping;

static void alarm_rings(struct timer *t)
{
    struct player *p = container_of(t, struct player, alarm);

    p->woken_at = fake_now;
    sched_wake(&p->v);
}

/* --- what they do --- */

static void busy(struct player *p)
{
    p->left = 1000 * MS;
}

static void sleepy(struct player *p)
{
    p->left = p->run;
    if (p->phase++ == 0)
        return;
    timer_set(&p->alarm, fake_now + p->sleep);
    sched_block(STATE_BLOCKED, NULL, NULL);
}

static void yielding(struct player *p)
{
    p->left = p->run;
    sched_give_way();
}

/* Wakes its partner and sleeps until that one wakes it. */
static void ping_pong(struct player *p)
{
    p->left = p->run;
    if (p->phase++ == 0)
        return;
    sched_wake(&p->partner->v);
    sched_block(STATE_BLOCKED, NULL, NULL);
}

/* All of it, and in no order. */
static void hostile(struct player *p)
{
    p->left = 1 + (uint64_t)rand() % (rand() % 2 ? 5 * US : SCHED_SLICE_NS * 2);
    p->sleep = (uint64_t)rand() % (rand() % 2 ? 3 * US : SCHED_SLICE_NS * 2);
    switch (rand() % 4) {
    case 0:
        sleepy(p);
        break;
    case 1:
        sched_give_way();
        break;
    default:
        break;
    }
}

/* --- the play --- */

static int begin(void **state)
{
    (void)state;
    fake_cpu_init();
    srand(1);
    stopping = false;
    nr_players = 0;
    players = calloc(1000, sizeof(*players));
    return 0;
}

static struct player *join(struct domain *d, void (*next)(struct player *p))
{
    struct player *p = &players[nr_players++];

    p->d = p->v.domain = d;
    p->next = next;
    p->v.id = (uint16_t)d->nr_vcpus;
    d->vcpu[d->nr_vcpus++] = &p->v;
    timer_init(&p->alarm, alarm_rings);
    sched_init_vcpu(&p->v);
    return p;
}

static struct player *add(uint32_t weight, uint32_t cap, void (*next)(struct player *p))
{
    struct domain *d = calloc(1, sizeof(*d));

    assert_true(sched_init_domain(d, weight, cap, ~0ul));
    return join(d, next);
}

static struct player *add_sleepy(uint32_t weight, uint64_t run, uint64_t sleep)
{
    struct player *p = add(weight, 0, sleepy);

    p->run = run;
    p->sleep = sleep;
    return p;
}

static void step(struct player *p, uint64_t end)
{
    uint64_t ns = MIN(p->left, end - fake_now);

    if (p->woken_at) {
        p->late = MAX(p->late, fake_now - p->woken_at);
        p->woken_at = 0;
    }
    if (stopping) {
        sched_block(STATE_BLOCKED, NULL, NULL);
        return;
    }
    if (!p->left) {
        p->next(p);
        return;
    }
    if (fake_deadline)
        ns = MIN(ns, fake_deadline > fake_now ? fake_deadline - fake_now : 0);
    p->left -= ns;
    p->ran += ns;
    fake_pass(ns);
    if (p->v.work & WORK_RESCHED)
        schedule();
}

static void play(uint64_t ns)
{
    uint64_t end = fake_now + ns;

    schedule();
    while (fake_now < end) {
        if (!current->idle) {
            step(container_of(current, struct player, v), end);
        } else {
            fake_pass(MIN(fake_deadline ? fake_deadline - fake_now : ns, end - fake_now));
            schedule();
        }
    }
}

static void start_all(void)
{
    for (unsigned i = 0; i < nr_players; i++)
        sched_start(&players[i].v);
}

/* For ten virtual seconds, counted after half a second. */
static void play_all(void)
{
    start_all();
    play(SECOND / 2);
    for (unsigned i = 0; i < nr_players; i++)
        players[i].ran = players[i].late = 0;
    play(10 * SECOND);
}

static int end(void **state)
{
    (void)state;
    stopping = true;
    for (unsigned i = 0; i < nr_players; i++)
        timer_cancel(&players[i].alarm);
    while (!current->idle || fake_deadline) {
        if (current->idle) {
            fake_pass(fake_deadline > fake_now ? fake_deadline - fake_now : 0);
            schedule();
        } else {
            step(container_of(current, struct player, v), UINT64_MAX);
        }
    }
    for (unsigned i = 0; i < nr_players; i++)
        if (players[i].v.id == 0)
            free(players[i].d); /* all are awake, so no timer of theirs is set */
    free(players);
    return 0;
}

static void within_3_percent(uint64_t is, double wanted)
{
    if (is < wanted * 0.97 || is > wanted * 1.03)
        fail_msg("%lu us, and not %.0f", is / 1000, wanted / 1000);
}

/* Those that never sleep divide what others leave by their weights. */
static void check_shares(void)
{
    double rest = 10.0 * SECOND, weights = 0;

    for (unsigned i = 0; i < nr_players; i++)
        if (players[i].next == busy && !players[i].d->sched.cap)
            weights += players[i].d->sched.weight;
        else
            rest -= (double)players[i].ran;
    for (unsigned i = 0; i < nr_players; i++)
        if (players[i].next == busy && !players[i].d->sched.cap)
            within_3_percent(players[i].ran, rest * players[i].d->sched.weight / weights);
}

static void shares_follow_weights(void **state)
{
    static const uint32_t weights[][4] = {
        {256, 256},
        {256, 512},
        {1, 1},
        {65535, 65535},
        {65535, 6553, 655},
        {100, 200, 300, 400},
        {256, 1024, 256, 64},
        {40000, 50000, 60000, 65535},
    };

    for (unsigned mix = 0; mix < ARRAY_LEN(weights); mix++) {
        if (mix) {
            end(state);
            begin(state);
        }
        for (unsigned i = 0; i < 4 && weights[mix][i]; i++)
            add(weights[mix][i], 0, busy);
        play_all();
        check_shares();
    }
}

static void shares_of_a_hundred(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        add(256 * (1 + i % 3), 0, busy);
    play_all();
    check_shares();
}

/* Sleepers that want less than their share get what they want, and the others the rest. */
static void sleepers_get_what_they_want(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        add(256 << i, 0, busy);
    for (unsigned i = 0; i < 10; i++)
        add_sleepy(256, 200 * US, 9800 * US);
    play_all();
    check_shares();
    for (unsigned i = 3; i < nr_players; i++)
        assert_in_range(players[i].ran, 170 * MS, 210 * MS);
}

static void wakes_beside_busy_ones(void **state)
{
    struct player *p;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        add(256, 0, busy);
    p = add_sleepy(256, 300 * US, 7123456);
    play_all();
    assert_true(p->late <= SCHED_MIN_RUN_NS);
    within_3_percent(p->ran, 10.0 * SECOND * 300 * US / (300 * US + 7123456));
    check_shares();
}

/* One that wants more than its share waits, but no longer than until it has it. */
static void greedy_sleeper_waits_its_turn(void **state)
{
    struct player *p;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        add(256, 0, busy);
    p = add_sleepy(256, 900 * US, 100 * US);
    play_all();
    within_3_percent(p->ran, 2.5 * SECOND);
    assert_true(p->late <= 2 * 4 * SCHED_SLICE_NS);
    check_shares();
}

static void yielding_gains_nothing(void **state)
{
    struct player *p, *q;

    (void)state;
    add(256, 0, busy);
    add(256, 0, busy);
    p = add(256, 0, yielding);
    q = add(65535, 0, yielding);
    p->run = 100 * US;
    q->run = 300;
    play_all();
    assert_true(p->ran <= 10 * SECOND / 3);
    assert_true(q->ran <= SECOND);
    check_shares();
}

/* Two that wake each other have one's share each, together with what the switches cost. */
static void ping_pong_gains_nothing(void **state)
{
    struct player *p, *q;

    for (unsigned run = 1; run <= 300; run += 299) {
        if (run > 1) {
            end(state);
            begin(state);
        }
        add(256, 0, busy);
        p = add(256, 0, ping_pong);
        q = add(256, 0, ping_pong);
        p->partner = q;
        q->partner = p;
        p->run = q->run = run * US;
        play_all();
        assert_true(p->ran <= 10 * SECOND / 3 * 103 / 100);
        assert_true(q->ran <= 10 * SECOND / 3 * 103 / 100);
        check_shares();
    }
}

/* Nobody gets less than the share, whatever the others do, nor waits long for it. */
static void hostile_ones_take_nothing(void **state)
{
    static uint64_t waited, switches;

    (void)state;
    add(256, 0, busy);
    add(512, 0, busy);
    for (unsigned i = 0; i < 10; i++)
        add(i % 2 ? 512 : 128, 0, hostile);
    play_all();
    waited = players[0].v.sched.time_ns[STATE_RUNNABLE];
    switches = fake_switches;
    assert_true(players[0].ran >= 10 * SECOND * 97 / 100 * 256 / (256 + 512 + 5 * 640));
    assert_true(players[1].ran >= 10 * SECOND * 97 / 100 * 512 / (256 + 512 + 5 * 640));
    for (unsigned i = 2; i < nr_players; i++)
        assert_true(players[i].ran <=
                    players[0].ran * players[i].d->sched.weight / 256 * 103 / 100);
    check_shares();
    assert_true(waited < 10 * SECOND);
    assert_true(switches < 10500 * MS / SCHED_MIN_RUN_NS * 2);
}

/* Timers that ring all the time interrupt one who runs at most each SCHED_MIN_RUN_NS. */
static void alarms_do_not_thrash(void **state)
{
    (void)state;
    add(256, 0, busy);
    add_sleepy(256, 1 * US, 1 * US);
    play_all();
    check_shares();
    assert_true(players[0].ran >= 9800 * MS);
    assert_true(fake_switches <= 2 * 10500 * MS / SCHED_MIN_RUN_NS);
}

/* One that slept for long has a slice more than its share, not what it slept. */
static void sleep_is_not_saved_up(void **state)
{
    struct player *p;
    uint64_t before;

    (void)state;
    add(256, 0, busy);
    p = add_sleepy(256, 1 * US, 5 * SECOND);
    start_all();
    play(SECOND);
    p->next = busy;
    before = players[0].ran;
    play(4 * SECOND + 100 * MS);
    assert_true(players[0].ran - before >= 4 * SECOND + 45 * MS);
    p->ran = players[0].ran = 0;
    play(4 * SECOND);
    within_3_percent(p->ran, 2.0 * SECOND);
}

static void caps_hold(void **state)
{
    static const uint32_t caps[] = {1, 5, 33, 50, 90, 99};

    for (unsigned i = 0; i < 2 * ARRAY_LEN(caps); i++) {
        if (i) {
            end(state);
            begin(state);
        }
        add(1024, caps[i / 2], busy);
        if (i % 2)
            add(64, 0, busy);
        play_all();
        within_3_percent(players[0].ran, 0.1 * SECOND * MIN(caps[i / 2], i % 2 ? 94u : 99u));
        check_shares();
    }
}

/* Over any time: no more than the cap of that time and a window. */
static void caps_hold_over_short_times(void **state)
{
    uint64_t most[3] = {0};
    static uint64_t record[3][200];

    (void)state;
    add(256, 20, busy);
    add_sleepy(256, 3 * MS, 11 * MS)->d->sched.cap = 20;
    add(256, 20, hostile);
    start_all();
    for (unsigned t = 0; t < 200; t++) {
        play(5 * MS);
        for (unsigned i = 0; i < 3; i++) {
            record[i][t] = players[i].ran;
            for (unsigned from = 0; from < t; from++) {
                uint64_t allowed = (5 * MS * (t - from) + SCHED_WINDOW_NS) / 5 + SCHED_MIN_RUN_NS;

                most[i] = MAX(most[i], (record[i][t] - record[i][from]) * 1000 / allowed);
            }
        }
    }
    for (unsigned i = 0; i < 3; i++)
        assert_true(most[i] <= 1000);
}

static void cap_is_the_domains(void **state)
{
    struct player *p;
    uint64_t sum = 0, runnable;

    (void)state;
    p = add(256, 60, busy);
    for (unsigned i = 0; i < 7; i++)
        join(p->d, i < 4 ? busy : hostile)->run = 50 * US;
    play_all();
    for (unsigned i = 0; i < 8; i++)
        sum += players[i].ran;
    within_3_percent(sum, 6.0 * SECOND);
    /* Out of budget is runnable. */
    runnable = sched_runstate(&p->v, fake_now).time[RUNSTATE_runnable];
    within_3_percent(runnable, 10.5 * SECOND - (double)p->v.sched.time_ns[STATE_RUNNING]);
}

/* A vCPU's weight is the domain's, however many others there are. */
static void weight_is_each_vcpus(void **state)
{
    struct player *p;

    (void)state;
    p = add(256, 0, busy);
    join(p->d, busy);
    join(p->d, busy);
    add(512, 0, busy);
    play_all();
    check_shares();
}

/* test_smp.c counts what a decision costs. */
void __sanitizer_cov_trace_pc(void);

void __sanitizer_cov_trace_pc(void)
{
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shares_follow_weights, begin, end),
        cmocka_unit_test_setup_teardown(shares_of_a_hundred, begin, end),
        cmocka_unit_test_setup_teardown(sleepers_get_what_they_want, begin, end),
        cmocka_unit_test_setup_teardown(wakes_beside_busy_ones, begin, end),
        cmocka_unit_test_setup_teardown(greedy_sleeper_waits_its_turn, begin, end),
        cmocka_unit_test_setup_teardown(yielding_gains_nothing, begin, end),
        cmocka_unit_test_setup_teardown(ping_pong_gains_nothing, begin, end),
        cmocka_unit_test_setup_teardown(hostile_ones_take_nothing, begin, end),
        cmocka_unit_test_setup_teardown(alarms_do_not_thrash, begin, end),
        cmocka_unit_test_setup_teardown(sleep_is_not_saved_up, begin, end),
        cmocka_unit_test_setup_teardown(caps_hold, begin, end),
        cmocka_unit_test_setup_teardown(caps_hold_over_short_times, begin, end),
        cmocka_unit_test_setup_teardown(cap_is_the_domains, begin, end),
        cmocka_unit_test_setup_teardown(weight_is_each_vcpus, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
