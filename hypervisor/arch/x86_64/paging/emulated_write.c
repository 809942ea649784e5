/* Direct writes to page tables: the guest sees them read-only, so a write faults; the emulator
 * works out what would have been written and the entry is changed here, as by mmu_update. */
#include "paging/emulated_write.h"
#include "paging/update.h"
#include "core/domain.h"

/* The frame and index of the L1 entry that the guest has mapped at va, read-only. */
static bool find_table(const struct vcpu *v, uint64_t va, mfn_t *table, unsigned *index)
{
    mfn_t l1;
    unsigned i;
    uint64_t entry, word;
    const struct frame *f;

    if (!find_l1(v->arch.paging.kernel_l4, va, &l1, &i))
        return false;
    entry = READ_ONCE(((const uint64_t *)frame_bytes(l1))[i]);
    if ((entry & (PTE_PRESENT | PTE_RW)) != PTE_PRESENT)
        return false;
    *table = pte_frame(entry);
    *index = va % PAGE_SIZE / 8;
    f = frame_lookup(*table);
    if (!f || f->owner != owner_number(v->domain))
        return false;
    word = READ_ONCE(f->type);
    return TYPE_OF(word) == TYPE_L1 && (word & TYPE_USES) != 0;
}

bool paging_read_entry(struct vcpu *v, uint64_t va, uint64_t *value)
{
    mfn_t table;
    unsigned index;
    bool found;

    paging_lock(v->domain);
    found = find_table(v, va, &table, &index);
    if (found)
        *value = READ_ONCE(((const uint64_t *)frame_bytes(table))[index]);
    paging_unlock(v->domain);
    return found;
}

enum entry_write paging_write_entry(struct vcpu *v, uint64_t va, uint64_t old, uint64_t new)
{
    struct update u = {
        .d = v->domain,
        .from = v->domain,
        .from_number = owner_number(v->domain),
        .how = UPDATE_IF_EXPECTED,
        .expected = old,
    };
    enum entry_write result = ENTRY_REFUSED;
    mfn_t table;
    unsigned index;

    paging_lock(v->domain);
    if (find_table(v, va, &table, &index)) {
        int rc = update_l1(&u, table, index, new);

        result = rc == 0 ? ENTRY_WRITTEN : rc == -XEN_EAGAIN ? ENTRY_CHANGED : ENTRY_REFUSED;
    }
    paging_unlock(v->domain);
    return result;
}
