#include "cpu/tlb.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"

void tlb_flush_local(void)
{
    uint64_t began = tlb_flush_begins();

    write_cr3(read_cr3());
    tlb_flush_done(this_cpu()->id, began);
}

void tlb_flush_page_local(uint64_t va)
{
    invlpg(va);
}

/* One CPU runs guests so far: a mask can name no other than this one. */
void tlb_flush(uint64_t mask)
{
    if (mask & 1ul << this_cpu()->id)
        tlb_flush_local();
}

void tlb_flush_page(uint64_t mask, uint64_t va)
{
    if (mask & 1ul << this_cpu()->id)
        tlb_flush_page_local(va);
}

void cpu_load_cr3(mfn_t l4)
{
    struct cpu *c = this_cpu();
    uint64_t began = tlb_flush_begins();

    write_cr3(l4.n << PAGE_SHIFT);
    tlb_flush_done(c->id, began);
}
