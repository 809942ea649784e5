/* One-shot timers, in a heap per host CPU. */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "lib/types.h"

struct timer {
    uint64_t deadline_ns;
    void (*fire)(struct timer *t); /* on the timer's CPU, interrupts off; must be short */
    unsigned cpu;
    uint32_t slot; /* place in the heap + 1; 0: not set */
};

void timer_init(struct timer *t, void (*fire)(struct timer *t));
/* Sets or moves it, on this CPU. A deadline in the past fires at the next opportunity. */
void timer_set(struct timer *t, uint64_t deadline_ns);
/* After it returns, fire does not run and will not. */
void timer_cancel(struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
    return t->slot != 0;
}
/* From the architecture's timer interrupt. */
void timer_interrupt(void);

#endif
