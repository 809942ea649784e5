/* What the scheduler gives this guest, by its own runstate, between two moments that are the same
 * for all guests beside it. bootargs: "busy PERMILLE", which it has to get within 3 %, or "sleepy".
 * Runs with --icount, so that nothing else takes time. */
#include "late.h"

#define BEGIN  400000000ul
#define LENGTH 2000000000ul
#define LATE   110000ul /* SCHED_MIN_RUN_NS, and the interrupt */

static uint64_t running(void)
{
    struct vcpu_runstate_info info;

    lm_assert(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &info) == 0);
    return info.time[RUNSTATE_running];
}

/* Wakes up at times that have nothing to do with slices. */
static void sleep_and_wake(void)
{
    uint64_t longest = 0, waited;

    for (uint64_t when = BEGIN; when < BEGIN + LENGTH; when += 7654321) {
        woken_late(when, &waited);
        longest = waited > longest ? waited : longest;
    }
    check(longest < LATE, true, "on the CPU %lu ns after waking up, at most", longest);
}

int main(void)
{
    const char *args = (const char *)lm_start_info->cmd_line;
    uint64_t permille, before;

    lm_timer_stop_periodic();
    if (args[0] == 's') {
        sleep_and_wake();
        return check_done();
    }
    permille = strtoul(args + strlen("busy "), NULL, 10);
    while (lm_time_ns() < BEGIN)
        ;
    before = running();
    while (lm_time_ns() < BEGIN + LENGTH)
        ;
    before = (running() - before) / (LENGTH / 1000);
    check(before * 100 >= permille * 97 && before * 100 <= permille * 103, true,
          "ran %lu of 1000, wanted %lu", before, permille);
    return check_done();
}
