#include "late.h"

static struct vcpu_runstate_info runstate(void)
{
    struct vcpu_runstate_info info;

    lm_assert(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &info) == 0);
    return info;
}

uint64_t woken_late(uint64_t when, uint64_t *waited)
{
    struct vcpu_runstate_info before = runstate(), after;
    struct sched_poll poll = {.timeout = when};
    uint64_t woken;

    lm_assert(lm_time_ns() < when);
    hypercall_sched_op(SCHEDOP_poll, &poll);
    after = runstate();
    *waited = after.time[RUNSTATE_runnable] - before.time[RUNSTATE_runnable];
    woken = after.state_entry_time - *waited;
    lm_assert(woken >= when);
    return woken - when;
}
