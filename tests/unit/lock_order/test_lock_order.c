/* Every kind of mistake that the check of the lock order is there to find, and what it must let
 * pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/arch.h"
#include "core/log.h"
#include "lib/spinlock.h"

static unsigned cpu;
static jmp_buf panicked;
static char said[160];

unsigned arch_this_cpu(void)
{
    return cpu;
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(said, sizeof(said), fmt, args);
    va_end(args);
    longjmp(panicked, 1);
}

/* After a panic nothing counts as held. */
#define FINDS(text, statement)           \
    do {                                 \
        said[0] = '\0';                  \
        if (setjmp(panicked) == 0)       \
            statement;                   \
        assert_string_equal(said, text); \
    } while (0)

static struct spinlock events, queue, sched, timers[2], unranked, odd;

static int reset(void **state)
{
    (void)state;
    cpu = 0;
    events = (struct spinlock){.rank = RANK_EVENTS};
    queue = (struct spinlock){.rank = RANK_EVENT_QUEUE};
    sched = (struct spinlock){.rank = RANK_SCHED};
    timers[0] = timers[1] = (struct spinlock){.rank = RANK_TIMERS};
    unranked = (struct spinlock){.held = 0};
    odd = (struct spinlock){.rank = NR_RANKS};
    return 0;
}

static void test_order_that_is_kept(void **state)
{
    (void)state;
    spin_lock(&events);
    spin_lock(&queue);
    spin_lock(&sched);
    spin_lock(&timers[0]);
    spin_unlock(&queue); /* not the last that was taken */
    spin_unlock(&events);
    spin_unlock(&timers[0]);
    spin_lock(&timers[1]);
    spin_unlock(&timers[1]);
    spin_unlock(&sched);
    lock_expect_none("waiting");
    assert_int_equal(events.held | queue.held | sched.held | timers[0].held, 0);
}

static void test_wrong_order(void **state)
{
    (void)state;
    spin_lock(&sched);
    FINDS("lock order: evtchn_lock while holding the scheduler's lock", spin_lock(&events));
}

/* What was unlocked in between does not hide what is still held. */
static void test_wrong_order_after_unlock(void **state)
{
    (void)state;
    spin_lock(&events);
    spin_lock(&sched);
    spin_lock(&timers[0]);
    spin_unlock(&events);
    spin_unlock(&timers[0]);
    FINDS("lock order: evtchn_queue.lock while holding the scheduler's lock", spin_lock(&queue));
}

static void test_same_rank(void **state)
{
    (void)state;
    spin_lock(&timers[0]);
    FINDS("lock order: timer_queue.lock while holding timer_queue.lock", spin_lock(&timers[1]));
}

/* Said before the CPU waits for itself. */
static void test_twice(void **state)
{
    (void)state;
    spin_lock(&queue);
    FINDS("lock order: evtchn_queue.lock while holding evtchn_queue.lock", spin_lock(&queue));
}

static void test_without_a_rank(void **state)
{
    (void)state;
    FINDS("lock order: a lock without a rank while holding nothing that matters",
          spin_lock(&unranked));
    FINDS("lock order: a lock with no such rank while holding nothing that matters",
          spin_lock(&odd));
}

static void test_waiting(void **state)
{
    (void)state;
    spin_lock(&events);
    FINDS("lock order: cond_resched while holding evtchn_lock", lock_expect_none("cond_resched"));
}

static void test_each_cpu_has_its_own(void **state)
{
    (void)state;
    spin_lock(&sched);
    cpu = 1;
    lock_expect_none("cpu_call");
    spin_lock(&events);
    cpu = 0;
    FINDS("lock order: mutex_lock while holding the scheduler's lock",
          lock_expect_none("mutex_lock"));
    cpu = 1;
    spin_unlock(&events);
    lock_expect_none("cpu_call");
}

/* A panic unlocks the console's, whoever has it. */
static void test_unlocked_by_another(void **state)
{
    (void)state;
    spin_unlock(&sched);
    spin_lock(&sched);
    cpu = 1;
    spin_unlock(&sched);
    cpu = 0;
    FINDS("lock order: waiting while holding the scheduler's lock", lock_expect_none("waiting"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_order_that_is_kept, reset),
        cmocka_unit_test_setup(test_wrong_order, reset),
        cmocka_unit_test_setup(test_wrong_order_after_unlock, reset),
        cmocka_unit_test_setup(test_same_rank, reset),
        cmocka_unit_test_setup(test_twice, reset),
        cmocka_unit_test_setup(test_without_a_rank, reset),
        cmocka_unit_test_setup(test_waiting, reset),
        cmocka_unit_test_setup(test_each_cpu_has_its_own, reset),
        cmocka_unit_test_setup(test_unlocked_by_another, reset),
    };

    return cmocka_run_group_tests_name("lock order", tests, NULL, NULL);
}
