/* Mutual exclusion that may be held over preemption; a vCPU that waits gives up its CPU. */
#pragma once

#include "lib/list.h"
#include "lib/spinlock.h"
#include "core/arch.h"

struct mutex {
    uintptr_t owner;      /* struct vcpu *, 0: free; bit 0: someone waits */
    struct spinlock lock; /* guards the waiters */
    struct list waiters;
};

void mutex_init(struct mutex *m);
/* Of the two below; not for others. */
void mutex_lock_contended(struct mutex *m);
void mutex_unlock_contended(struct mutex *m);

static inline bool mutex_replace_owner(struct mutex *m, uintptr_t from, uintptr_t to)
{
    return __atomic_compare_exchange_n(&m->owner, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* Not recursive. May switch to another vCPU; no spin lock is held. */
static inline void mutex_lock(struct mutex *m)
{
    lock_expect_none("mutex_lock");
    if (unlikely(!mutex_replace_owner(m, 0, (uintptr_t)current)))
        mutex_lock_contended(m);
}

/* Hands over to the longest waiter, if any, so that none can be overtaken for ever. */
static inline void mutex_unlock(struct mutex *m)
{
    if (unlikely(!mutex_replace_owner(m, (uintptr_t)current, 0)))
        mutex_unlock_contended(m);
}

/* Whether the current vCPU holds it. */
bool mutex_held(const struct mutex *m);
