/* Which vCPU runs where. A vCPU has a hypervisor stack of its own, so it can be switched away from
 * anywhere in the hypervisor and simply goes on there later: hypercalls need no restart logic.
 * All functions are called with interrupts off. */
#pragma once

#include "lib/types.h"
#include "abi/vcpu.h"
#include "core/run_queue.h"
#include "core/timer.h"

struct domain;
struct vcpu;

#define MAX_CPUS         64
#define SCHED_SETS_MAX   64         /* different sets of host CPUs that domains may run on */
#define SCHED_SLICE_NS   1000000ul  /* after this long it is looked at who is next */
#define SCHED_MIN_RUN_NS 100000ul   /* for this long nobody is preempted by one that wakes */
#define SCHED_WINDOW_NS  20000000ul /* caps hold over each such window */

enum run_state {
    STATE_RUNNING = RUNSTATE_running,
    STATE_RUNNABLE = RUNSTATE_runnable,
    STATE_BLOCKED = RUNSTATE_blocked,
    STATE_OFFLINE = RUNSTATE_offline,
};

/* Guarded by the scheduler's lock, but for what never changes. */
struct sched_domain {
    struct run_queue *queue; /* of the host CPUs that its vCPUs may run on */
    uint32_t weight;         /* of each of its vCPUs */
    uint32_t cap;            /* percent of a host CPU; 0: none */
    bool used_up;            /* the cap: its vCPUs are in no queue */
    uint64_t paid_ns; /* when a domain that uses its cap evenly would have got to where this is */
    struct timer refill; /* set while used_up */
};

struct sched_vcpu {
    struct ready ready;  /* in its domain's run queue; the key is its virtual time */
    unsigned cpu;        /* host CPU it runs, or ran last, on */
    uint8_t state;       /* enum run_state */
    bool parked;         /* offline for ever */
    bool runstate_stale; /* the guest's runstate area could not be written (user page tables) */
    uint64_t since_ns;   /* when it entered that state */
    uint64_t time_ns[4]; /* time spent in each state before since_ns */
};

/* How many are, perhaps, half-way through an operation and let others in: preempted, or waiting for
 * a mutex or another CPU. */
extern unsigned operations_suspended;

/* Makes `idle`, whose stack the CPU is on, the CPU's idle vCPU. Once per CPU, before anything else.
 */
void sched_init_cpu(unsigned cpu, struct vcpu *idle);
/* May run on those of the host CPUs that are online. False: that is none, or there are
 * SCHED_SETS_MAX other such sets already. */
bool sched_init_domain(struct domain *d, uint32_t weight, uint32_t cap, uint64_t may_run_on);
/* Offline. Its domain has been initialised. */
void sched_init_vcpu(struct vcpu *v);
/* Offline -> runnable, unless it was parked. From any context. */
void sched_start(struct vcpu *v);
/* Blocked -> runnable. No effect on one that runs, is runnable, or is offline. From any context. */
void sched_wake(struct vcpu *v);
/* The vCPU's work has changed: whether it runs or is blocked, it looks at it. */
void sched_notice(struct vcpu *v);
/* Gives the CPU to whoever is next; returns when the caller runs again. Clears WORK_RESCHED. */
void schedule(void);
/* The caller goes behind another vCPU that is ready, if there is one; cheap otherwise. */
void sched_give_way(void);
/* Blocks the current vCPU until sched_wake (STATE_BLOCKED) or sched_start (STATE_OFFLINE), unless
 * ready(current, arg) holds. Make the condition
 * true first, then call sched_wake: no wake-up is lost. Callers look again afterwards, as wake-ups
 * may be spurious. ready may be NULL. */
void sched_block(enum run_state state, bool (*ready)(struct vcpu *v, const void *arg),
                 const void *arg);
/* Takes the current vCPU off its CPU for ever. */
void sched_park(void) __attribute__((noreturn));
/* The first thing on a vCPU's stack when it runs, also for the first time. */
void sched_resumed(void);
/* The vCPU is offline and its CPU has left its stack: it may be freed. */
bool sched_is_off(const struct vcpu *v);
/* From interrupts: someone is ready whom this CPU might run, or the slice is over. */
void sched_look(void);
/* Body of each CPU's idle vCPU. */
void sched_idle(void) __attribute__((noreturn));
/* Copies the current vCPU's run-state times to the area that it registered. schedule() does so;
 * call it again when the guest enters its kernel with sched.runstate_stale set. */
void sched_write_runstate(struct vcpu *v);
/* Its state, and the time in each, that of the current stay up to now_ns included. */
struct vcpu_runstate_info sched_runstate(const struct vcpu *v, uint64_t now_ns);
