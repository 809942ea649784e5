/* Mutual exclusion that may be held over preemption; a vCPU that waits gives up its CPU. */
#ifndef CORE_MUTEX_H
#define CORE_MUTEX_H

#include "lib/types.h"
#include "lib/list.h"
#include "lib/spinlock.h"

struct vcpu;

struct mutex {
    uintptr_t owner;      /* struct vcpu *, 0: free; bit 0: someone waits */
    struct spinlock lock; /* guards the waiters */
    struct list waiters;
};

void mutex_init(struct mutex *m);
/* Not recursive. Fast path: one compare-and-swap. May switch to another vCPU; no spin lock is held.
 */
void mutex_lock(struct mutex *m);
/* Hands over to the longest waiter, if any, so that none can be overtaken for ever. */
void mutex_unlock(struct mutex *m);
/* Whether the current vCPU holds it. */
bool mutex_held(const struct mutex *m);

#endif
