/* The check of the lock order (debug/lock_order.c): each host CPU knows which spin locks it holds.
 */
#pragma once

struct spinlock;

/* Before it is waited for. Panics unless it comes after all that this CPU holds. */
void lock_taken(const struct spinlock *l);
/* Nothing if this CPU does not hold it: a panic breaks the console's. */
void lock_released(const struct spinlock *l);
/* For what waits for other CPUs, or may switch to another vCPU. */
void lock_expect_none(const char *purpose);
