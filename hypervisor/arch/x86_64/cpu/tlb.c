#include "cpu/tlb.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "lib/lock_order.h"

static inline void load_cr3(uint64_t value)
{
    uint64_t began = tlb_flush_begins();

    write_cr3(value);
    tlb_flush_done(this_cpu()->id, began);
}

void cpu_load_cr3(mfn_t l4)
{
    load_cr3(l4.n << PAGE_SHIFT);
}

void tlb_flush_local(void)
{
    load_cr3(read_cr3());
}

void tlb_flush_page_local(uint64_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static void flush(uint64_t)
{
    tlb_flush_local();
}

/* Mostly there is one CPU to flush, this one. */
void tlb_flush(uint64_t mask)
{
    lock_expect_none("a TLB flush");
    if (likely(mask == 1ul << this_cpu()->id))
        tlb_flush_local();
    else if (mask)
        cpu_call(mask, flush, 0);
}

void tlb_flush_page(uint64_t mask, uint64_t va)
{
    if (likely(mask == 1ul << this_cpu()->id))
        tlb_flush_page_local(va);
    else
        cpu_call(mask, tlb_flush_page_local, va);
}
