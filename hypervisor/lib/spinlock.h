/* Spin locks. Held only over short, bounded work, with interrupts off, never over anything that
 * waits for another CPU or may switch to another vCPU. Longer exclusion: core/mutex.h. */
#pragma once

#include "lib/types.h"

struct spinlock {
    uint32_t held;
};

static inline void spin_lock(struct spinlock *l)
{
    while (unlikely(__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE)))
        while (READ_ONCE(l->held))
            __builtin_ia32_pause();
}

static inline void spin_unlock(struct spinlock *l)
{
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}
