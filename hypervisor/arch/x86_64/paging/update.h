/* Changing entries of page tables in use. The caller holds d's page_lock. */
#ifndef PAGING_UPDATE_H
#define PAGING_UPDATE_H

#include "paging/entry_refs.h"
#include "paging/type.h"

/* Whose tables are changed, and whose frames L1 entries may name. */
struct update {
    struct domain *d;
    struct domain *from;
    uint32_t from_number; /* owner_number(from) */
    bool preserve_ad;     /* keep the accessed and dirty bits that are set */
};

/* The processor sets accessed and dirty bits at any time; nothing else changes an entry here. */
static inline void write_entry(uint64_t *entry, uint64_t val, bool preserve_ad)
{
    uint64_t old;

    if (likely(!preserve_ad)) {
        WRITE_ONCE(*entry, val);
        return;
    }
    old = READ_ONCE(*entry);
    while (!__atomic_compare_exchange_n(entry, &old, val | (old & (PTE_ACCESSED | PTE_DIRTY)),
                                        false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        ;
}

/* Leaves the line in the log; returns rc. */
int update_l1_refused(const struct update *u, mfn_t table, unsigned index, uint64_t val, int rc);

/* Gives the entry a new value. 0, or -XEN_EINVAL, -XEN_EPERM, -XEN_EBUSY as Xen does, and a line in
 * the log. The frame is a table of that level; index is below TABLE_ENTRIES. */
static inline int update_l1(const struct update *u, mfn_t table, unsigned index, uint64_t val)
{
    uint64_t *entry = (uint64_t *)frame_bytes(table) + index;
    uint64_t old = READ_ONCE(*entry);

    if (val & PTE_PRESENT) {
        if (unlikely(val & ~(PTE_ALLOWED_L1 | PTE_FRAME)))
            return update_l1_refused(u, table, index, val, -XEN_EINVAL);
        val = pte_adjust_l1(val);
        if (((old ^ val) & ~PTE_CHEAP_L1) != 0) {
            int rc = l1_entry_get(val, u->from_number);

            if (unlikely(rc))
                return update_l1_refused(u, table, index, val, rc);
        } else {
            old &= ~PTE_PRESENT; /* the new entry takes over its references */
        }
    }
    write_entry(entry, val, u->preserve_ad);
    if (old & PTE_PRESENT)
        l1_entry_put(old, u->d, tlb_stamp());
    return 0;
}

/* L2 to L4. Calls cond_resched. */
int update_upper(const struct update *u, unsigned level, mfn_t table, unsigned index, uint64_t val);

/* The L1 entry for an address in those tables: its table and index; false: there is none, or it is
 * not in the guest's part. */
bool find_l1(mfn_t l4, uint64_t va, mfn_t *table, unsigned *index);

#endif
