/* Address translations that a CPU holds. Entries are never global (CR4.PGE is off), so loading CR3
 * flushes all of them. CPU sets are bit masks of host CPU numbers (at most 64). */
#pragma once

#include "lib/types.h"

void tlb_flush_local(void);
/* One page, by virtual address; for addresses that are not canonical nothing happens. */
void tlb_flush_page_local(uint64_t va);
/* On all CPUs of the mask, and waits until they have done it. Hold no spin lock. */
void tlb_flush(uint64_t mask);
void tlb_flush_page(uint64_t mask, uint64_t va);

/* The flush clock: it moves with every flush of a whole TLB, on any CPU. A CPU whose last flush
 * began after something was unmapped holds no translation of it. */
struct tlb_clock {
    uint64_t now;
    uint64_t cpu[64]; /* time at which the CPU's last flush began */
};
extern struct tlb_clock tlb_clock;

/* Brackets every flush of the whole TLB of this CPU: t = tlb_flush_begins(); ...;
 * tlb_flush_done(cpu, t). */
static inline uint64_t tlb_flush_begins(void)
{
    return __atomic_add_fetch(&tlb_clock.now, 1, __ATOMIC_SEQ_CST);
}

static inline void tlb_flush_done(unsigned cpu, uint64_t began)
{
    __atomic_store_n(&tlb_clock.cpu[cpu], began, __ATOMIC_RELEASE);
}

/* Time of an unmapping that is already visible in memory; only the low half is kept. */
static inline uint32_t tlb_stamp(void)
{
    return __atomic_load_n(&tlb_clock.now, __ATOMIC_SEQ_CST);
}

/* Those of the CPUs that may still hold what was unmapped at that time. A stamp so old that its
 * half has come round again counts as recent, which only costs a flush. */
static inline uint64_t tlb_stale(uint64_t mask, uint32_t stamp)
{
    uint64_t now = __atomic_load_n(&tlb_clock.now, __ATOMIC_SEQ_CST), stale = 0;
    uint64_t then = now - (uint32_t)(now - stamp);

    for (; mask != 0; mask &= mask - 1) {
        unsigned cpu = __builtin_ctzl(mask);

        if (__atomic_load_n(&tlb_clock.cpu[cpu], __ATOMIC_ACQUIRE) <= then)
            stale |= 1ul << cpu;
    }
    return stale;
}

/* Makes the frame with this number this CPU's L4 table; flushes. */
void cpu_load_cr3(mfn_t l4);

/* GDT of the vCPU that runs here: 16 pages at this address, of which pages 14 and 15 are ours. */
void cpu_load_gdt(uint64_t va);
/* A GDT that holds only our own descriptors, for the time between two guests. */
void cpu_load_own_gdt(void);

/* LDT of the vCPU that runs here; entries 0 .. 8192, 0: none. */
void cpu_load_ldt(uint64_t va, unsigned entries);

/* The frame of the GDT page that holds this CPU's own descriptors (page 14 of each guest's GDT). */
mfn_t cpu_reserved_gdt_page(unsigned cpu);
