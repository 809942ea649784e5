#include "paging/update.h"
#include "core/log.h"

static struct asker asker_at(const uint64_t *entry, unsigned level)
{
    return (struct asker){bytes_frame(entry), level, (uintptr_t)entry / 8 % TABLE_ENTRIES, NULL};
}

int update_l1_refused(const struct update *u, const uint64_t *entry, uint64_t val, int rc)
{
    struct asker asker = asker_at(entry, 1);

    refuse_entry(u->from, &asker, val);
    return rc;
}

int update_upper(const struct update *u, unsigned level, uint64_t *entry, uint64_t val)
{
    struct asker asker = asker_at(entry, level);
    uint64_t old = READ_ONCE(*entry);
    int rc;

    if (unlikely(u->from != u->d)) {
        guest_log(current->domain, "L%u[%u] of mfn %#lx: only L1 entries name others' frames",
                  level, asker.index, asker.table.n);
        return -XEN_EINVAL;
    }
    if (!slot_is_guests(level, asker.index)) {
        guest_log(current->domain, "L4[%u] of mfn %#lx: slots 256 to 271 are the hypervisor's",
                  asker.index, asker.table.n);
        return -XEN_EINVAL;
    }
    if (val & PTE_PRESENT) {
        if (unlikely(val & ~(PTE_ALLOWED | PTE_FRAME))) {
            refuse_entry(u->d, &asker, val);
            return -XEN_EINVAL;
        }
        val |= PTE_USER;
        /* An L4's entry for itself must stay read-only. */
        if (((old ^ val) & ~PTE_CHEAP) == 0 && !names_itself(asker.table, level, val)) {
            old &= ~PTE_PRESENT;
        } else {
            rc = upper_entry_get(u->d, &asker, val);
            if (unlikely(rc))
                return rc;
        }
    }
    (void)write_entry(u, entry, val);
    if (old & PTE_PRESENT)
        upper_entry_put(u->d, asker.table, level, old);
    return 0;
}

void *page_open(struct domain *d, const char *operation, mfn_t m)
{
    struct frame *f = frame_get(m, d);

    if (f && frame_get_writable(f, true))
        return frame_bytes(frame_mfn(f));
    if (f)
        frame_put(f);
    refuse_type(d, &(struct asker){.operation = operation}, m, TYPE_WRITABLE);
    return NULL;
}

int write_ordinary(struct domain *d, const char *operation, mfn_t m, unsigned index, uint64_t val)
{
    uint64_t *page = page_open(d, operation, m);

    if (!page)
        return -XEN_EINVAL;
    WRITE_ONCE(page[index], val);
    arch_frame_put(bytes_frame(page), true);
    return 0;
}

uint64_t *find_l1(mfn_t l4, uint64_t va)
{
    uint64_t *root = frame_bytes(l4), *table = root;

    if (unlikely(va + (1ul << 47) >= 1ul << 48 ||
                 va - RESERVED_START < RESERVED_END - RESERVED_START || mfn_equal(l4, INVALID_MFN)))
        return NULL;
#pragma GCC unroll 3
    for (unsigned level = 4; level > 1; level--) {
        uint64_t entry = READ_ONCE(table[pte_index(va, level)]);

        if (unlikely(!(entry & PTE_PRESENT)))
            return NULL;
        table = pte_table(entry);
        if (level == 4 && unlikely(table == root)) /* it names itself: no L1 is there */
            return NULL;
    }
    return table + pte_index(va, 1);
}
