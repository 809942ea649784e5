/* What the scheduler gives this guest, by its own runstate, between two moments that are the same
 * for all guests beside it. bootargs: "busy PERMILLE", which it has to get within 3 %, or "sleepy
 * NS", in which it has to be on a CPU after waking up. Runs with --icount, so that nothing else
 * takes time. */
#include "late.h"

#define BEGIN  400000000ul
#define LENGTH 10000000000ul

static uint64_t running(void)
{
    struct vcpu_runstate_info info;

    lm_assert(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &info) == 0);
    return info.time[RUNSTATE_running];
}

/* With --icount the CPUs of QEMU take turns, and one of them keeps its turn until it pauses, is
 * idle or has come to the next deadline of any timer: then it begins anew with the first one. So
 * whoever is busy has to pause now and then, for the others to get on. */
static void be_busy_until(uint64_t end)
{
    while (lm_time_ns() < end) {
        for (unsigned i = 0; i < 4; i++)
            __asm__ volatile(".rept 500\n\tnop\n\t.endr"); /* TCG is quick with these */
        __asm__ volatile("pause");
    }
}

/* Wakes up at times that have nothing to do with slices. */
static void sleep_and_wake(uint64_t limit)
{
    uint64_t longest = 0, waited;

    for (uint64_t when = BEGIN; when < BEGIN + LENGTH; when += 7654321) {
        woken_late(when, &waited);
        longest = waited > longest ? waited : longest;
    }
    /* One that ends does not pause, and would keep the turn while another one measures. */
    woken_late(BEGIN + LENGTH + 100000000, &waited);
    check(longest < limit, true, "on the CPU %lu ns after waking up, at most", longest);
}

int main(void)
{
    const char *args = (const char *)lm_start_info->cmd_line;
    uint64_t permille, before;

    lm_timer_stop_periodic();
    if (args[0] == 's') {
        sleep_and_wake(strtoul(args + strlen("sleepy "), NULL, 10));
        return check_done();
    }
    permille = strtoul(args + strlen("busy "), NULL, 10);
    be_busy_until(BEGIN);
    before = running();
    be_busy_until(BEGIN + LENGTH);
    before = (running() - before) / (LENGTH / 1000);
    check(before * 100 >= permille * 97 && before * 100 <= permille * 103, true,
          "ran %lu of 1000, wanted %lu", before, permille);
    return check_done();
}
