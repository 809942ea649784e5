/* Timers against a list that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/arch.h"
#include "core/sched.h"
#include "core/timer.h"

static uint64_t now, programmed;
static unsigned set_calls;

struct vcpu *arch_current(void)
{
    return NULL;
}

unsigned arch_this_cpu(void)
{
    return 0;
}

uint64_t arch_now_ns(void)
{
    return now;
}

void arch_set_timer(uint64_t deadline_ns)
{
    programmed = deadline_ns;
    set_calls++;
}

static unsigned looks;
static uint64_t next_slice = UINT64_MAX;

void sched_look(void)
{
    looks++;
    timer_set_slice(next_slice);
}

static struct timer *fired[64];
static unsigned nr_fired;

static void record(struct timer *t)
{
    assert_false(timer_is_set(t));
    fired[nr_fired++ % 64] = t;
}

static int reset(void **state)
{
    (void)state;
    now = 1000;
    timer_interrupt();
    assert_int_equal(programmed, 0);
    nr_fired = set_calls = 0;
    return 0;
}

static void slice_beside_timers(void **state)
{
    struct timer t;

    (void)state;
    looks = 0;
    timer_init(&t, record);
    timer_set_slice(3000);
    assert_int_equal(programmed, 3000);
    timer_set(&t, 2000);
    assert_int_equal(programmed, 2000);
    now = 2000;
    timer_interrupt();
    assert_int_equal(nr_fired, 1);
    assert_int_equal(looks, 0);
    assert_int_equal(programmed, 3000);

    timer_set(&t, 5000);
    now = 3500;
    next_slice = 4500;
    timer_interrupt();
    assert_int_equal(looks, 1);
    assert_int_equal(programmed, 4500);
    next_slice = UINT64_MAX;

    set_calls = 0;
    timer_set_slice(UINT64_MAX); /* the hardware keeps its deadline */
    assert_int_equal(set_calls, 0);
    now = 4500;
    timer_interrupt();
    assert_int_equal(looks, 1);
    assert_int_equal(programmed, 5000);
    now = 5000;
    timer_interrupt();
    assert_int_equal(nr_fired, 2);
    assert_int_equal(programmed, 0);
}

static void fires_in_order(void **state)
{
    static const uint64_t at[] = {5000, 2000, 9000, 2000, 3000, 8000};
    struct timer t[6];

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        timer_init(&t[i], record);
        assert_false(timer_is_set(&t[i]));
        timer_set(&t[i], at[i]);
        assert_true(timer_is_set(&t[i]));
    }
    assert_int_equal(programmed, 2000);
    now = 1999;
    timer_interrupt();
    assert_int_equal(nr_fired, 0);
    now = 2000;
    timer_interrupt();
    assert_int_equal(nr_fired, 2);
    assert_int_equal(programmed, 3000);
    now = 20000;
    timer_interrupt();
    assert_int_equal(nr_fired, 6);
    assert_ptr_equal(fired[2], &t[4]);
    assert_ptr_equal(fired[3], &t[0]);
    assert_ptr_equal(fired[4], &t[5]);
    assert_ptr_equal(fired[5], &t[2]);
    assert_int_equal(programmed, 0);
}

static void past_deadline_fires_at_next_interrupt(void **state)
{
    struct timer t;

    (void)state;
    timer_init(&t, record);
    timer_set(&t, 0);
    assert_in_range(programmed, 1, now);
    timer_interrupt();
    assert_int_equal(nr_fired, 1);
}

static void cancel_is_cheap_and_final(void **state)
{
    struct timer t, later;

    (void)state;
    timer_init(&t, record);
    timer_init(&later, record);
    timer_cancel(&t);
    timer_set(&t, 2000);
    timer_set(&later, 3000);
    set_calls = 0;
    timer_cancel(&t);
    assert_int_equal(set_calls, 0); /* the needless interrupt is taken */
    assert_false(timer_is_set(&t));
    timer_cancel(&t);
    now = 2000;
    timer_interrupt();
    assert_int_equal(nr_fired, 0);
    assert_int_equal(programmed, 3000);
    timer_cancel(&later);
}

static void set_again_moves(void **state)
{
    struct timer a, b;

    (void)state;
    timer_init(&a, record);
    timer_init(&b, record);
    timer_set(&a, 2000);
    timer_set(&b, 3000);
    timer_set(&a, 4000);
    now = 3500;
    timer_interrupt();
    assert_int_equal(nr_fired, 1);
    assert_ptr_equal(fired[0], &b);
    timer_set(&a, 3600);
    assert_int_equal(programmed, 3600);
    now = 3600;
    timer_interrupt();
    assert_int_equal(nr_fired, 2);
}

static struct timer other;
static unsigned rearmed;

static void rearm(struct timer *t)
{
    record(t);
    if (++rearmed < 3)
        timer_set(t, now + 100);
}

static void cancel_both(struct timer *t)
{
    record(t);
    timer_cancel(t);
    timer_cancel(&other);
}

static void callbacks_may_set_and_cancel(void **state)
{
    struct timer t;

    (void)state;
    rearmed = 0;
    timer_init(&t, rearm);
    timer_set(&t, 2000);
    for (now = 2000; now <= 2500; now += 100)
        timer_interrupt();
    assert_int_equal(nr_fired, 3);

    timer_init(&t, cancel_both);
    timer_init(&other, record);
    timer_set(&t, now);
    timer_set(&other, now);
    timer_interrupt();
    /* Equal deadlines come in any order, but `other` never after it was cancelled. */
    assert_in_range(nr_fired, 4, 5);
    assert_false(timer_is_set(&other));
    timer_interrupt();
    assert_in_range(nr_fired, 4, 5);
}

#define MANY 100

/* As the hardware does. */
static void interrupt_while_due(void)
{
    do
        timer_interrupt();
    while (programmed && programmed <= now);
}

/* What a guest has had set for one moment does not keep the CPU in one interrupt. */
static void fires_a_few_at_once(void **state)
{
    struct timer t[MANY];
    unsigned interrupts = 0;

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        timer_init(&t[i], record);
        timer_set(&t[i], 2000);
    }
    now = 2000;
    while (nr_fired < MANY) {
        unsigned before = nr_fired;

        assert_in_range(programmed, 1, now);
        timer_interrupt();
        assert_in_range(nr_fired, before + 1, before + 16);
        interrupts++;
    }
    assert_int_equal(interrupts, (MANY + 15) / 16);
    assert_int_equal(programmed, 0);
}

static struct {
    struct timer t;
    uint64_t deadline; /* 0: not set */
} model[MANY];
static uint64_t last_fired;

static void check_against_model(struct timer *t)
{
    unsigned i = (unsigned)((char *)t - (char *)model) / sizeof(model[0]);

    assert_int_not_equal(model[i].deadline, 0);
    assert_true(model[i].deadline <= now);
    assert_true(model[i].deadline >= last_fired);
    for (unsigned k = 0; k < MANY; k++)
        assert_true(!model[k].deadline || model[k].deadline >= model[i].deadline);
    last_fired = model[i].deadline;
    model[i].deadline = 0;
}

static void agrees_with_a_naive_list(void **state)
{
    (void)state;
    srand(1);
    for (unsigned i = 0; i < MANY; i++) {
        timer_init(&model[i].t, check_against_model);
        model[i].deadline = 0;
    }
    for (unsigned step = 0; step < 50000; step++) {
        unsigned i = (unsigned)rand() % MANY;
        uint64_t earliest = UINT64_MAX;

        switch (rand() % 4) {
        case 0:
            timer_cancel(&model[i].t);
            model[i].deadline = 0;
            break;
        case 1:
            now += (uint64_t)rand() % 50;
            last_fired = 0;
            interrupt_while_due();
            break;
        default:
            model[i].deadline = now + 1 + (uint64_t)rand() % 500;
            timer_set(&model[i].t, model[i].deadline);
            break;
        }
        for (unsigned k = 0; k < MANY; k++) {
            assert_int_equal(timer_is_set(&model[k].t), model[k].deadline != 0);
            if (model[k].deadline)
                earliest = MIN(earliest, model[k].deadline);
        }
        /* The hardware is programmed for the earliest, or earlier. */
        assert_true(earliest == UINT64_MAX || (programmed && programmed <= earliest));
    }
    now += 1000;
    last_fired = 0;
    interrupt_while_due();
    assert_int_equal(programmed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fires_in_order, reset),
        cmocka_unit_test_setup(slice_beside_timers, reset),
        cmocka_unit_test_setup(fires_a_few_at_once, reset),
        cmocka_unit_test_setup(past_deadline_fires_at_next_interrupt, reset),
        cmocka_unit_test_setup(cancel_is_cheap_and_final, reset),
        cmocka_unit_test_setup(set_again_moves, reset),
        cmocka_unit_test_setup(callbacks_may_set_and_cancel, reset),
        cmocka_unit_test_setup(agrees_with_a_naive_list, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
