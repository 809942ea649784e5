/* Direct writes to page tables: the guest sees them read-only, so a write faults; the emulator
 * works out what would have been written and the entry is changed here, as by mmu_update. */
#include "paging/update.h"

uint64_t *paging_lock_entry(struct vcpu *v, uint64_t va)
{
    static const struct asker write = {.operation = "direct write"};
    uint64_t *mapping, *entry = NULL, value;
    enum frame_type type;
    mfn_t m;

    paging_lock(v->domain);
    mapping = find_l1(v->arch.paging.kernel_l4, va);
    value = mapping ? READ_ONCE(*mapping) : 0;
    if ((value & (PTE_PRESENT | PTE_RW)) == PTE_PRESENT)
        entry = l1_entry_at(v->domain, (value & PTE_FRAME) | va % PAGE_SIZE);
    if (!entry) {
        m = pte_frame(value);
        type = type_in_use(v->domain, &m);
        /* Most are pages that are read-only for the guest's own reasons: no word about those. */
        if (type != TYPE_NONE && type != TYPE_WRITABLE)
            refuse_type(v->domain, &write, m, TYPE_L1);
        paging_unlock(v->domain);
    }
    return entry;
}

int paging_write_entry(struct vcpu *v, uint64_t *entry, uint64_t old, uint64_t new)
{
    struct update u = {v->domain, v->domain, .how = UPDATE_IF_EXPECTED, .expected = old};

    return update_l1(&u, entry, new);
}
