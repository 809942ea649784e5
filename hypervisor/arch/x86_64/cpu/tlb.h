/* Address translations that a CPU holds. Entries are never global (CR4.PGE is off), so loading CR3
 * flushes all of them. CPU sets are bit masks of host CPU numbers (at most 64). */
#ifndef CPU_TLB_H
#define CPU_TLB_H

#include "lib/types.h"

void tlb_flush_local(void);
/* One page, by virtual address; for addresses that are not canonical nothing happens. */
void tlb_flush_page_local(uint64_t va);
/* On all CPUs of the mask, and waits until they have done it. Hold no spin lock. */
void tlb_flush(uint64_t cpus);
void tlb_flush_page(uint64_t cpus, uint64_t va);

/* Makes the frame with this number this CPU's L4 table; flushes. */
void cpu_load_cr3(mfn_t l4);

/* GDT of the vCPU that runs here: 16 pages at this address, of which pages 14 and 15 are ours. */
void cpu_load_gdt(uint64_t va);
/* LDT of the vCPU that runs here; entries 0 .. 8192, 0: none. */
void cpu_load_ldt(uint64_t va, unsigned entries);

/* The frame of the GDT page that holds this CPU's own descriptors (page 14 of each guest's GDT). */
mfn_t cpu_reserved_gdt_page(unsigned cpu);

#endif
