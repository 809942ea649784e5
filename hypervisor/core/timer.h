/* One-shot timers: a heap per host CPU. The nodes are the timers themselves, so setting one needs
 * no memory and cannot fail. */
#pragma once

#include "lib/heap.h"

struct timer {
    struct heap_node node;         /* its key is the deadline */
    void (*fire)(struct timer *t); /* on the timer's CPU, interrupts off; must be short */
    unsigned cpu;
    bool set;
};

void timer_init(struct timer *t, void (*fire)(struct timer *t));
/* Sets or moves it, onto this CPU. A deadline in the past fires at the next timer interrupt, which
 * comes at once. Whoever uses a timer sees to it that two CPUs do not set it at the same time. */
void timer_set(struct timer *t, uint64_t deadline_ns);
/* After it returns, fire does not run and will not (unless it is fire itself that cancels). */
void timer_cancel(struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
    return READ_ONCE(t->set);
}
/* sched_look is called on this CPU then; UINT64_MAX: not. */
void timer_set_slice(uint64_t deadline_ns);
/* From the architecture's timer interrupt: fires what is due and programs the next deadline. */
void timer_interrupt(void);
