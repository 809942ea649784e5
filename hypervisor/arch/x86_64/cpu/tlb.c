#include "cpu/tlb.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"

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

void tlb_flush(uint64_t mask)
{
    if (mask)
        cpu_call(mask, flush, 0);
}

void tlb_flush_page(uint64_t mask, uint64_t va)
{
    cpu_call(mask, tlb_flush_page_local, va);
}
