/* Time. All in nanoseconds. Callable anywhere. */
#ifndef LAMINA_TIME_H
#define LAMINA_TIME_H

#include <stdint.h>

/* Since the hypervisor's boot; never steps back on one vCPU, and on two at once differs by less
 * than 1000. No hypercall. */
uint64_t lm_time_ns(void);

/* Since 1970. No hypercall. */
uint64_t lm_wallclock_ns(void);

/* Raises VIRQ_TIMER on this vCPU at or soon after that time of lm_time_ns(), once, also if that has
 * passed; replaces a deadline set before; 0 cancels it. One hypercall. */
void lm_timer_set(uint64_t deadline_ns);

/* Xen starts every vCPU with a VIRQ_TIMER every 10 ms besides; this ends it. One hypercall. */
void lm_timer_stop_periodic(void);

/* The processor's time-stamp counter. In QEMU with -icount shift=0 it counts instructions. */
static inline uint64_t lm_tsc(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#endif
