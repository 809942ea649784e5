/* Who gets how much of several host CPUs. Each player is a domain of its own unless a test says
 * otherwise. The machine checks at each step that no CPU idles while one is ready for it. */
#include "machine.h"

#include <stdlib.h>

#define ANY ~0ul

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
    timer_set(&p->alarm, now + p->sleep);
    sched_block(STATE_BLOCKED, NULL, NULL);
}

static bool woken_on_its_way(struct vcpu *v, const void *arg)
{
    (void)arg;
    woken_elsewhere(container_of(v, struct player, v));
    return rand() % 2;
}

/* Sleeps now shorter, now longer. */
static void unsteady(struct player *p)
{
    p->sleep = (uint64_t)rand() % (10 * MS);
    sleepy(p);
}

/* All of it, and in no order. */
static void hostile(struct player *p)
{
    struct player *other = &players[(unsigned)rand() % nr_players];

    p->left = 1 + (uint64_t)rand() % (rand() % 2 ? 5 * US : SCHED_SLICE_NS * 2);
    p->sleep = (uint64_t)rand() % (rand() % 2 ? 3 * US : SCHED_SLICE_NS * 2);
    switch (rand() % 8) {
    case 0:
    case 1:
        sleepy(p);
        break;
    case 2:
        sched_give_way();
        break;
    case 3:
        sched_wake(&other->v);
        break;
    case 4:
        sched_block(STATE_BLOCKED, woken_on_its_way, NULL);
        break;
    default:
        break;
    }
}

/* --- what is due to them --- */

static int begin(void **state)
{
    (void)state;
    machine_begin(2);
    return 0;
}

static int end(void **state)
{
    (void)state;
    machine_end();
    return 0;
}

static void anew(unsigned nr_cpus)
{
    machine_end();
    machine_begin(nr_cpus);
}

/* For ten virtual seconds, counted after half a second. */
static void play_all(void)
{
    start_all();
    play(SECOND / 2);
    for (unsigned i = 0; i < nr_players; i++)
        players[i].ran = players[i].late = players[i].longest_wait = 0;
    play(10 * SECOND);
}

static void within_3_percent(const struct player *p, double wanted)
{
    if ((double)p->ran < wanted * 0.97 || (double)p->ran > wanted * 1.03)
        fail_msg("player %u: %lu us, and not %.0f", (unsigned)(p - players), p->ran / 1000,
                 wanted / 1000);
}

/* Busy ones without caps that may run anywhere: by weight, but nobody more than a CPU. */
static void check_shares(unsigned nr_cpus)
{
    double rest = (double)nr_cpus, weights = 0;
    bool whole[100] = {false}, again = true;

    for (unsigned i = 0; i < nr_players; i++)
        weights += players[i].d->sched.weight;
    while (again) {
        again = false;
        for (unsigned i = 0; i < nr_players; i++)
            if (!whole[i] && players[i].d->sched.weight * rest > weights * 0.999) {
                whole[i] = again = true;
                weights -= players[i].d->sched.weight;
                rest -= 1;
            }
    }
    for (unsigned i = 0; i < nr_players; i++)
        within_3_percent(&players[i],
                         whole[i] ? 10.0 * SECOND
                                  : 10.0 * SECOND * rest * players[i].d->sched.weight / weights);
}

static void shares_follow_weights(void **state)
{
    static const struct {
        unsigned nr_cpus;
        uint32_t weights[8]; /* repeated until there are `nr` of them */
        unsigned nr;
    } mixes[] = {
        {2, {256}, 3},
        {2, {256}, 2},
        {2, {512, 256, 256}, 3},
        {2, {300, 200, 200, 100}, 4},
        {2, {65535, 50000, 40000, 10000}, 8},
        {4, {256}, 5},
        {4, {256}, 7},
        {4, {400, 300, 200, 100}, 12},
        {4, {512, 256, 256}, 9},
        {16, {256}, 17},
        {16, {400, 300, 200, 100}, 48},
        {16, {1000, 100, 300}, 96},
    };

    (void)state;
    for (unsigned m = 0; m < ARRAY_LEN(mixes); m++) {
        unsigned nr = 0;

        while (mixes[m].weights[nr])
            nr++;
        anew(mixes[m].nr_cpus);
        for (unsigned i = 0; i < mixes[m].nr; i++)
            add_on(ANY, mixes[m].weights[i % nr], 0, busy);
        play_all();
        check_shares(mixes[m].nr_cpus);
    }
}

/* Who is entitled to more than a CPU has one; the others divide the rest by their weights. */
static void heavy_ones_have_a_cpu_each(void **state)
{
    static const struct {
        unsigned nr_cpus;
        uint32_t weights[10];
    } mixes[] = {
        {2, {65535, 256, 256}},
        {2, {65535, 256, 512}},
        {2, {65535, 100, 1}},
        {2, {65535, 300, 200, 100}},
        {4, {65535, 256, 512, 256, 512, 512, 512}},
        {4, {65535, 20000, 256, 512, 1024}},
        {4, {65535, 20000, 10000, 200, 100}},
        {16, {65535, 65535, 100, 200, 300}},
    };

    (void)state;
    for (unsigned m = 0; m < ARRAY_LEN(mixes); m++) {
        anew(mixes[m].nr_cpus);
        for (unsigned i = 0; i < 10 && mixes[m].weights[i]; i++)
            add_on(ANY, mixes[m].weights[i], 0, busy);
        play_all();
        check_shares(mixes[m].nr_cpus);
    }
}

/* Beside a heavy one, as beside others: sleep is not saved up. */
static void sleeper_beside_a_heavy_one(void **state)
{
    struct player *p, *q;

    (void)state;
    add_on(ANY, 65535, 0, busy);
    p = add_on(ANY, 256, 0, busy);
    q = add_on(ANY, 256, 0, sleepy);
    q->run = 1 * US;
    q->sleep = 5 * SECOND;
    start_all();
    play(SECOND);
    q->next = busy;
    p->ran = 0;
    play(4 * SECOND + 100 * MS);
    assert_true(p->ran >= 4 * SECOND + 45 * MS);
    p->ran = q->ran = 0;
    play(4 * SECOND);
    within_3_percent(p, 2.0 * SECOND);
    within_3_percent(q, 2.0 * SECOND);
}

static void caps_hold(void **state)
{
    static const uint32_t caps[] = {10, 50, 99, 100, 150, 250, 399};

    (void)state;
    for (unsigned i = 0; i < 2 * ARRAY_LEN(caps); i++) {
        uint64_t sum = 0;
        struct player all;

        anew(4);
        add_on(ANY, 1024, caps[i / 2], busy);
        for (unsigned n = 1; n < 4; n++)
            join(&players[0], busy);
        for (unsigned n = 0; i % 2 && n < 4; n++)
            add_on(ANY, 8, 0, busy);
        play_all();
        for (unsigned n = 0; n < 4; n++)
            sum += players[n].ran;
        all = players[0];
        all.ran = sum;
        within_3_percent(&all, 0.1 * SECOND * MIN(caps[i / 2], 396u));
    }
}

/* Over any time: no more than the cap of that time and a window, and what 4 CPUs notice late. */
static void caps_hold_over_short_times(void **state)
{
    static uint64_t record[400];

    (void)state;
    anew(4);
    for (unsigned i = 0; i < 4; i++)
        i ? join(&players[0], i % 2 ? busy : hostile) : add_on(ANY, 256, 150, busy);
    start_all();
    for (unsigned t = 0; t < 400; t++) {
        play(3 * MS);
        for (unsigned i = 0; i < 4; i++)
            record[t] += players[i].ran;
        for (unsigned from = 0; from < t; from++)
            assert_true(record[t] - record[from] <=
                        (3 * MS * (t - from) + SCHED_WINDOW_NS) * 3 / 2 + 4 * SCHED_MIN_RUN_NS);
    }
}

/* --- sets of CPUs --- */

static void pinned_beside_floating(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        add_on(3, 256, 0, busy);
    add_on(1, 256, 0, busy);
    play_all();
    for (unsigned i = 0; i < 4; i++)
        within_3_percent(&players[i], 5.0 * SECOND);

    anew(2); /* two on CPU 0 that are weighted against each other, and three anywhere */
    add_on(1, 512, 0, busy);
    add_on(1, 256, 0, busy);
    for (unsigned i = 0; i < 3; i++)
        add_on(3, 256, 0, busy);
    play_all();
    within_3_percent(&players[0], 2 * (double)players[1].ran);
    within_3_percent(&players[0], 10.0 * SECOND * 2 / 3);
    for (unsigned i = 2; i < 5; i++)
        within_3_percent(&players[i], 10.0 * SECOND / 3);

    anew(2); /* who may move makes room for who may not */
    add_on(3, 256, 0, busy);
    add_on(1, 256, 0, busy);
    play_all();
    within_3_percent(&players[0], 10.0 * SECOND);
    within_3_percent(&players[1], 10.0 * SECOND);

    anew(2); /* two that may move, one that may not, all alike */
    add_on(3, 256, 0, busy);
    add_on(3, 256, 0, busy);
    add_on(1, 256, 0, busy);
    play_all();
    for (unsigned i = 0; i < 3; i++)
        within_3_percent(&players[i], 10.0 * SECOND * 2 / 3);
}

/* Sets that have nothing in common have nothing to do with each other. */
static void partitions(void **state)
{
    (void)state;
    anew(4);
    add_on(3, 512, 0, busy);
    add_on(3, 256, 0, busy);
    add_on(3, 256, 0, busy);
    add_on(4, 1, 0, busy);
    add_on(8, 65535, 0, busy);
    add_on(8, 65535, 0, busy);
    play_all();
    within_3_percent(&players[0], 10.0 * SECOND);
    within_3_percent(&players[1], 5.0 * SECOND);
    within_3_percent(&players[2], 5.0 * SECOND);
    within_3_percent(&players[3], 10.0 * SECOND);
    within_3_percent(&players[4], 5.0 * SECOND);
    within_3_percent(&players[5], 5.0 * SECOND);
}

/* A queue that slept, or was alone, for long owes nothing and is owed nothing. */
static void overlapping_sets_do_not_save_up(void **state)
{
    struct player *p, *floating[3];

    (void)state;
    for (unsigned pinned_first = 0; pinned_first < 2; pinned_first++) {
        anew(2);
        p = add_on(1, 256, 0, busy);
        for (unsigned i = 0; i < 3; i++)
            floating[i] = add_on(3, 256, 0, busy);
        for (unsigned i = 0; i < nr_players; i++)
            if ((&players[i] == p) == pinned_first)
                sched_start(&players[i].v);
        play(20 * SECOND);
        start_all();
        for (unsigned i = 0; i < nr_players; i++)
            players[i].ran = players[i].longest_wait = 0;
        play(SECOND);
        within_3_percent(p, 0.5 * SECOND);
        for (unsigned i = 0; i < 3; i++)
            within_3_percent(floating[i], 0.5 * SECOND);
        for (unsigned i = 0; i < nr_players; i++)
            assert_true(players[i].longest_wait <= 20 * MS);
    }
}

/* A chain of sets, each of which has CPUs with two others. */
static void nobody_starves(void **state)
{
    (void)state;
    anew(4);
    for (unsigned i = 0; i < 12; i++)
        add_on(3ul << i % 3, i % 2 ? 512 : 256, 0, busy);
    add_on(1, 256, 0, busy);
    add_on(8, 64, 0, busy);
    add_on(15, 1024, 0, hostile);
    play_all();
    for (unsigned i = 0; i < nr_players; i++) {
        assert_true(players[i].ran >= SECOND / 10);
        assert_true(players[i].longest_wait <= 200 * MS);
    }
}

static void only_so_many_sets(void **state)
{
    struct domain *d = calloc(1, sizeof(*d));

    (void)state;
    anew(8);
    for (unsigned i = 1; i <= SCHED_SETS_MAX; i++)
        add_on(i, 256, 0, busy);
    assert_false(sched_init_domain(d, 256, 0, SCHED_SETS_MAX + 1));
    assert_false(sched_init_domain(d, 256, 0, 0xff00)); /* none of these is there */
    assert_true(sched_init_domain(d, 256, 0, 0xff00 | SCHED_SETS_MAX));
    free(d);
    start_all();
    play(SECOND);
}

/* --- waking up --- */

static void wakes_soon(void **state)
{
    (void)state;
    for (unsigned nr_cpus = 2; nr_cpus <= 16; nr_cpus *= 2) {
        struct player *p, *pinned;

        anew(nr_cpus);
        kick_takes = 2 * US;
        for (unsigned i = 0; i < 3 * nr_cpus; i++)
            add_on(ANY, 256, 0, busy);
        p = add_on(ANY, 256, 0, unsteady);
        pinned = add_on(2, 256, 0, unsteady);
        p->run = pinned->run = 100 * US;
        play_all();
        assert_true(p->late <= 3 * SCHED_MIN_RUN_NS);
        assert_true(pinned->late <= 3 * SCHED_MIN_RUN_NS);
        print_message("%2u CPUs, 3 busy on each: on a CPU %lu us after waking up, %lu if pinned\n",
                      nr_cpus, p->late / US, pinned->late / US);
    }
}

static void add_three_sleepers(void)
{
    for (unsigned i = 0; i < 3; i++) {
        struct player *p = add_on(ANY, 256, 0, sleepy);

        p->run = (i + 1) * 50 * US;
        p->sleep = 3 * MS + i * 777 * US;
    }
}

/* On a CPU that idles, as soon as the interrupt is there. */
static void wakes_on_an_idle_cpu(void **state)
{
    (void)state;
    anew(4);
    kick_takes = 2 * US;
    for (unsigned i = 0; i < 3; i++)
        add_on(ANY, 256, 0, busy);
    add_three_sleepers();
    start_all();
    play(SECOND);
    for (unsigned i = 0; i < 3; i++)
        assert_true(players[3 + i].late <= SCHED_SLICE_NS);
    anew(4);
    kick_takes = 2 * US;
    add_on(ANY, 256, 0, busy);
    add_three_sleepers();
    start_all();
    play(SECOND);
    for (unsigned i = 0; i < 4; i++)
        assert_true(players[i].late <= kick_takes);
    assert_true(players[0].ran >= SECOND - 10 * US);
}

/* --- hostile ones --- */

static void hostile_ones_take_nothing(void **state)
{
    (void)state;
    anew(4);
    for (unsigned i = 0; i < 6; i++)
        add_on(ANY, i % 2 ? 512 : 256, 0, busy);
    for (unsigned i = 0; i < 20; i++)
        add_on(ANY, i % 2 ? 512 : 128, 0, hostile);
    play_all();
    for (unsigned i = 0; i < 6; i++)
        assert_true(players[i].ran >=
                    40 * SECOND * 97 / 100 * players[i].d->sched.weight / (3 * 768 + 10 * 640));
    for (unsigned i = 6; i < nr_players; i++)
        assert_true(players[i].ran <=
                    players[0].ran * players[i].d->sched.weight / 256 * 103 / 100);
    assert_true(switches < 4 * 10500 * MS / SCHED_MIN_RUN_NS * 2);
}

/* Were all on one CPU, and the least in weight last: then one waits so long. */
static void check_waits(unsigned seed)
{
    uint64_t weights = 0;

    for (unsigned i = 0; i < nr_players; i++)
        weights += players[i].d->sched.weight;
    for (struct player *p = players; p < players + nr_players; p++)
        if (p->next == busy && !p->d->sched.cap &&
            p->longest_wait > 2 * SCHED_SLICE_NS * (weights / p->d->sched.weight + nr_players))
            fail_msg("seed %u: player %u waited for %lu us", seed, (unsigned)(p - players),
                     p->longest_wait / US);
}

/* Weights, caps, sets and behaviour by the seed. */
static void random_system(unsigned seed)
{
    static const uint32_t weights[] = {64, 256, 256, 1024};
    unsigned nr_cpus, nr_sets = 1 + (unsigned)rand() % 4, nr = 1 + (unsigned)rand() % 24;
    uint64_t sets[4] = {ANY};

    anew(1);
    srand(seed);
    nr_cpus = 1 + (unsigned)rand() % 8;
    anew(nr_cpus);
    srand(seed);
    kick_takes = (uint64_t)rand() % 3 * US;
    for (unsigned i = 1; i < nr_sets; i++)
        sets[i] = 1 + (uint64_t)rand() % ((1ul << nr_cpus) - 1);
    for (unsigned i = 0; i < nr; i++) {
        uint32_t cap = rand() % 4 ? 0 : 1 + (uint32_t)rand() % 200;
        void (*next)(struct player * p) = rand() % 3 ? hostile : busy;

        if (i && rand() % 3 == 0)
            join(&players[i - 1], next);
        else
            add_on(sets[(unsigned)rand() % nr_sets], weights[rand() % 4], cap, next);
    }
    start_all();
    play(500 * MS);
    check_waits(seed);
}

static void random_systems(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 100; seed++)
        random_system(seed);
}

/* The end of a cap may be far, but who wakes beside does not wait for it. */
static void capped_one_gives_way(void **state)
{
    static const uint32_t caps[] = {0, 100, 400, 6400};

    (void)state;
    for (unsigned nr_on = 1; nr_on <= 2; nr_on++)
        for (unsigned i = 0; i < ARRAY_LEN(caps); i++) {
            struct player *p;

            anew(nr_on);
            p = add_on(ANY, 256, 0, sleepy);
            p->run = 500 * US;
            p->sleep = 20 * US;
            for (unsigned n = 0; n < nr_on; n++)
                add_on(ANY, 256, caps[i], busy);
            play_all();
            assert_true(p->ran * (nr_on + 1) > nr_on * 10 * SECOND * 97 / 100);
            assert_true(p->longest_wait <= SCHED_SLICE_NS);
        }
}

/* --- what a decision costs --- */

static uint64_t blocks;
void __sanitizer_cov_trace_pc(void);

void __sanitizer_cov_trace_pc(void)
{
    blocks++;
}

struct cost {
    uint64_t decision, wake;
};

/* The weights of five are the same for any number. */
static struct cost dearest(unsigned nr, unsigned nr_on)
{
    static const uint32_t weights[] = {1, 16, 256, 4096, 65535};
    struct cost most = {0};
    struct player *p;
    uint64_t start;

    anew(nr_on);
    for (unsigned i = 0; i < nr; i++)
        add_on(ANY, weights[i % 5], 0, busy);
    p = add_on(ANY, 65535, 0, sleepy);
    p->run = 1;
    p->sleep = 3600 * SECOND;
    start_all();
    play(SECOND);
    for (unsigned i = 0; i < 5000; i++) {
        now += SCHED_SLICE_NS / nr_on;
        machine_go_to(i % nr_on);
        start = blocks;
        schedule();
        most.decision = MAX(most.decision, blocks - start);
        if (current == &p->v)
            sched_block(STATE_BLOCKED, NULL, NULL);
        if (p->v.sched.state == STATE_BLOCKED) {
            start = blocks;
            sched_wake(&p->v);
            most.wake = MAX(most.wake, blocks - start);
        }
    }
    print_message("%4u on %u CPUs: at most %3lu basic blocks a decision, %3lu a wake-up\n", nr,
                  nr_on, most.decision, most.wake);
    return most;
}

static void cost_is_flat(void **state)
{
    (void)state;
    for (unsigned nr_on = 1; nr_on <= 4; nr_on *= 2) {
        struct cost few = dearest(25, nr_on);

        for (unsigned nr = 100; nr < 1000; nr += 899) {
            struct cost many = dearest(nr, nr_on);

            assert_true(many.decision <= few.decision + few.decision / 20);
            assert_true(many.wake <= few.wake + few.wake / 20);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shares_follow_weights, begin, end),
        cmocka_unit_test_setup_teardown(heavy_ones_have_a_cpu_each, begin, end),
        cmocka_unit_test_setup_teardown(sleeper_beside_a_heavy_one, begin, end),
        cmocka_unit_test_setup_teardown(caps_hold, begin, end),
        cmocka_unit_test_setup_teardown(caps_hold_over_short_times, begin, end),
        cmocka_unit_test_setup_teardown(pinned_beside_floating, begin, end),
        cmocka_unit_test_setup_teardown(partitions, begin, end),
        cmocka_unit_test_setup_teardown(overlapping_sets_do_not_save_up, begin, end),
        cmocka_unit_test_setup_teardown(nobody_starves, begin, end),
        cmocka_unit_test_setup_teardown(only_so_many_sets, begin, end),
        cmocka_unit_test_setup_teardown(wakes_soon, begin, end),
        cmocka_unit_test_setup_teardown(wakes_on_an_idle_cpu, begin, end),
        cmocka_unit_test_setup_teardown(hostile_ones_take_nothing, begin, end),
        cmocka_unit_test_setup_teardown(random_systems, begin, end),
        cmocka_unit_test_setup_teardown(capped_one_gives_way, begin, end),
        cmocka_unit_test_setup_teardown(cost_is_flat, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
