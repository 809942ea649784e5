/* Which vCPU runs where. A vCPU has a hypervisor stack of its own, so it can be switched away from
 * anywhere in the hypervisor and simply goes on there later: hypercalls need no restart logic. */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "lib/types.h"
#include "lib/list.h"

struct vcpu;

enum run_state { /* numbers of RUNSTATE_* */
    STATE_RUNNING = 0,
    STATE_RUNNABLE = 1,
    STATE_BLOCKED = 2,
    STATE_OFFLINE = 3,
};

struct sched_vcpu {
    struct list queue; /* in a run queue when runnable */
    unsigned cpu;      /* host CPU it runs on or is queued at */
    uint8_t state;     /* enum run_state */
    uint64_t since_ns; /* when it entered that state */
    uint64_t time_ns[4]; /* time spent in each state before since_ns */
};

void sched_init_cpu(unsigned cpu, struct vcpu *idle);
void sched_init_vcpu(struct vcpu *v); /* offline */
/* Offline or blocked → runnable. No effect on one that runs or is runnable. From any context. */
void sched_wake(struct vcpu *v);
/* Gives the CPU to whoever is next; returns when the caller runs again. Interrupts off. */
void schedule(void);
void sched_yield(void);
/* Blocks the current vCPU until sched_wake, unless wake_condition(current) holds already. */
void sched_block(bool (*wake_condition)(struct vcpu *));
/* Takes the current vCPU off its CPU for ever. */
void sched_park(void) __attribute__((noreturn));
/* From the timer interrupt: is the slice over? Sets WORK_RESCHED. */
void sched_tick(void);
/* Body of each CPU's idle vCPU. */
void sched_idle(void) __attribute__((noreturn));
/* Nanoseconds of the current state included. */
uint64_t sched_time(struct vcpu *v, enum run_state state);

#endif
