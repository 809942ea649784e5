/* Mutual exclusion that may be held over preemption; a vCPU that waits gives up its CPU. */
#ifndef CORE_MUTEX_H
#define CORE_MUTEX_H

#include "lib/types.h"
#include "lib/list.h"
#include "lib/spinlock.h"

struct vcpu;

struct mutex {
    struct vcpu *owner; /* NULL: free */
    struct spinlock lock; /* guards the waiters */
    struct list waiters;
};

void mutex_init(struct mutex *m);
/* Not recursive. Fast path: one compare-and-swap. */
void mutex_lock(struct mutex *m);
/* Hands over to the longest waiter, if any. */
void mutex_unlock(struct mutex *m);

#endif
