#include "paging/update.h"
#include "paging/entry_refs.h"
#include "core/log.h"

int update_l1_refused(const struct update *u, mfn_t table, unsigned index, uint64_t val, int rc)
{
    refuse_entry(u->d, &(struct asker){table, 1, index, NULL}, val, u->from);
    return rc;
}

int update_upper(const struct update *u, unsigned level, mfn_t table, unsigned index, uint64_t val)
{
    struct asker asker = {table, level, index, NULL};
    uint64_t *entry = (uint64_t *)frame_bytes(table) + index;
    uint64_t old = READ_ONCE(*entry);
    int rc;

    if (unlikely(u->from != u->d)) {
        guest_log(u->d, "L%u[%u] of mfn %#lx: no tables of other domains", level, index, table.n);
        return -XEN_EINVAL;
    }
    if (level == 4 && index >= L4_SLOT_FIRST_RESERVED && index <= L4_SLOT_LAST_RESERVED) {
        guest_log(u->d, "L4[%u] of mfn %#lx: slots 256 to 271 are the hypervisor's", index,
                  table.n);
        return -XEN_EINVAL;
    }
    if (val & PTE_PRESENT) {
        if (unlikely(val & ~(PTE_ALLOWED | PTE_FRAME))) {
            refuse_entry(u->d, &asker, val, u->d);
            return -XEN_EINVAL;
        }
        val |= PTE_USER;
        if (((old ^ val) & ~PTE_CHEAP) == 0) {
            old &= ~PTE_PRESENT;
        } else {
            rc = table_get(u->d, pte_frame(val), level - 1, &asker);
            if (unlikely(rc))
                return rc;
        }
    }
    (void)write_entry(u, entry, val);
    if (old & PTE_PRESENT)
        table_put(u->d, pte_frame(old));
    return 0;
}

bool find_l1(mfn_t l4, uint64_t va, mfn_t *table, unsigned *index)
{
    mfn_t t = l4;

    if (unlikely(va + (1ul << 47) >= 1ul << 48 || (va >= RESERVED_START && va < RESERVED_END) ||
                 mfn_equal(l4, INVALID_MFN)))
        return false;
    for (unsigned level = 4; level > 1; level--) {
        uint64_t entry = READ_ONCE(((uint64_t *)frame_bytes(t))[pte_index(va, level)]);

        if (!(entry & PTE_PRESENT))
            return false;
        t = pte_frame(entry);
    }
    *table = t;
    *index = pte_index(va, 1);
    return true;
}
