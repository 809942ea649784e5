/* Direct writes to page tables: the guest sees them read-only, so a write faults; the emulator
 * works out what would have been written and the entry is changed here, as by mmu_update. */
#include "paging/direct_write.h"
#include "paging/update.h"

uint64_t *paging_lock_entry(struct vcpu *v, uint64_t va)
{
    static const struct asker write = {.operation = "direct write"};
    uint64_t *mapping, *entry = NULL, value;

    paging_lock(v->domain);
    mapping = find_l1(v->arch.paging.kernel_l4, va);
    value = mapping ? READ_ONCE(*mapping) : 0;
    if ((value & (PTE_PRESENT | PTE_RW)) == PTE_PRESENT)
        entry = l1_entry_at(v->domain, (value & PTE_FRAME) | va % PAGE_SIZE);
    if (!entry) {
        const struct frame *f = frame_lookup(pte_frame(value));

        /* Most are pages that are read-only for the guest's own reasons: no word about those. */
        if (f && READ_ONCE(f->owner) == owner_number(v->domain) && USES_OF(f->type) &&
            TYPE_OF(f->type) < TYPE_WRITABLE)
            refuse_type(v->domain, &write, pte_frame(value), TYPE_L1);
        paging_unlock(v->domain);
    }
    return entry;
}

int paging_write_entry(struct vcpu *v, uint64_t *entry, uint64_t old, uint64_t new)
{
    struct update u = {
        .d = v->domain,
        .from = v->domain,
        .from_number = owner_number(v->domain),
        .how = UPDATE_IF_EXPECTED,
        .expected = old,
    };

    return update_l1(&u, entry, new);
}
