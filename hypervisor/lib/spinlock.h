/* Spin locks. Held only over short, bounded work, with interrupts off, never over anything that
 * waits for another CPU or may switch to another vCPU. Longer exclusion: core/mutex.h. */
#pragma once

#include "lib/types.h"
#include "lib/lock_order.h"

/* The lock order, outermost first: one is never taken while one further on is held. All come after
 * domain.page_lock, a mutex. Debug builds check it. */
/* clang-format off */
enum lock_rank { RANK_NONE, RANK_GRANTS, RANK_EVENTS, RANK_CHANNEL, RANK_EVENT_QUEUE, RANK_DOMAINS,
                 RANK_MUTEX, RANK_SCHED, RANK_TIMERS, RANK_FRAMES, RANK_ALLOC, RANK_CONSOLE, NR_RANKS };
/* clang-format on */

struct spinlock {
    uint16_t held, rank; /* enum lock_rank */
};

static inline void spin_lock(struct spinlock *l)
{
    lock_taken(l);
    while (unlikely(__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE)))
        while (READ_ONCE(l->held))
            __builtin_ia32_pause();
}

static inline bool spin_trylock(struct spinlock *l)
{
    if (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
        return false;
    lock_taken(l);
    return true;
}

static inline void spin_unlock(struct spinlock *l)
{
    lock_released(l);
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
