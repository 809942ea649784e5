#include "core/mutex.h"

#include "core/domain.h"
#include "core/log.h"

#define HAS_WAITERS 1ul

/* On the waiting vCPU's stack. */
struct waiter {
    struct list link;
    struct vcpu *v;
    bool granted; /* the mutex is this vCPU's; written last */
};

void mutex_init(struct mutex *m)
{
    m->owner = 0;
    m->lock = (struct spinlock){.rank = RANK_MUTEX};
    list_init(&m->waiters);
}

bool mutex_held(const struct mutex *m)
{
    return (READ_ONCE(m->owner) & ~HAS_WAITERS) == (uintptr_t)current;
}

static bool is_granted(struct vcpu *, const void *arg)
{
    return READ_ONCE(((const struct waiter *)arg)->granted);
}

void mutex_lock_contended(struct mutex *m)
{
    struct waiter w = {.v = current, .granted = false};

    ASSERT(!mutex_held(m));
    spin_lock(&m->lock);
    for (;;) {
        uintptr_t owner = READ_ONCE(m->owner);

        if (owner == 0 && mutex_replace_owner(m, 0, (uintptr_t)w.v)) {
            spin_unlock(&m->lock);
            return;
        }
        if (owner != 0 && mutex_replace_owner(m, owner, owner | HAS_WAITERS))
            break;
    }
    list_append(&m->waiters, &w.link);
    spin_unlock(&m->lock);

    __atomic_fetch_add(&operations_suspended, 1, __ATOMIC_RELAXED);
    while (!READ_ONCE(w.granted))
        sched_block(STATE_BLOCKED, is_granted, &w);
    __atomic_fetch_sub(&operations_suspended, 1, __ATOMIC_RELAXED);

    /* The one who granted it may still be about to wake us: outlast that. */
    spin_lock(&m->lock);
    spin_unlock(&m->lock);
}

void mutex_unlock_contended(struct mutex *m)
{
    struct waiter *w;

    ASSERT(mutex_held(m));
    spin_lock(&m->lock);
    w = container_of(m->waiters.next, struct waiter, link);
    list_remove(&w->link);
    WRITE_ONCE(m->owner, (uintptr_t)w->v | (list_empty(&m->waiters) ? 0 : HAS_WAITERS));
    __atomic_store_n(&w->granted, true, __ATOMIC_RELEASE);
    sched_wake(w->v); /* who waits for the lock before it goes */
    spin_unlock(&m->lock);
}
