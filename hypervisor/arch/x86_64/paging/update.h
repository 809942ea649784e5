/* Changing entries of page tables in use. The caller holds d's page_lock. */
#pragma once

#include "paging/type.h"

/* Whose tables are changed, and whose frames L1 entries may name. */
struct update {
    struct domain *d;
    struct domain *from;
    enum { UPDATE_PLAIN, UPDATE_KEEP_AD, UPDATE_IF_EXPECTED } how;
    uint64_t expected; /* with UPDATE_IF_EXPECTED: its value must be this */
};

/* The processor sets accessed and dirty bits at any time; nothing else changes an entry here.
 * False: it was not as expected. */
static inline bool write_entry(const struct update *u, uint64_t *entry, uint64_t val)
{
    uint64_t old;

    if (likely(u->how == UPDATE_PLAIN)) {
        __atomic_store_n(entry, val, __ATOMIC_SEQ_CST); /* visible before the flush clock is read */
        return true;
    }
    old = u->expected;
    if (u->how == UPDATE_IF_EXPECTED)
        return __atomic_compare_exchange_n(entry, &old, val, false, __ATOMIC_ACQ_REL,
                                           __ATOMIC_RELAXED);
    old = READ_ONCE(*entry);
    while (!__atomic_compare_exchange_n(entry, &old, val | (old & (PTE_ACCESSED | PTE_DIRTY)),
                                        false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        ;
    return true;
}

/* Leaves the line in the log; returns rc. */
int update_l1_refused(const struct update *u, const uint64_t *entry, uint64_t val, int rc);

/* Gives the entry a new value. 0; -XEN_EINVAL, -XEN_EPERM, -XEN_EBUSY as Xen does, and a line in
 * the log; -XEN_EAGAIN: not as expected. It is in a table in use of that level. */
static inline int update_l1(const struct update *u, uint64_t *entry, uint64_t val)
{
    uint64_t old = READ_ONCE(*entry), gained = 0;

    if (val & PTE_PRESENT) {
        if (unlikely(val & ~(PTE_ALLOWED_L1 | PTE_FRAME)))
            return update_l1_refused(u, entry, val, -XEN_EINVAL);
        val = pte_adjust_l1(val);
        if (((old ^ val) & ~PTE_CHEAP_L1) != 0) {
            int rc = l1_entry_get(val, owner_number(u->from));

            if (unlikely(rc))
                return update_l1_refused(u, entry, val, rc);
            gained = val;
        } else {
            old = 0; /* the new entry takes over its references */
        }
    }
    if (unlikely(!write_entry(u, entry, val))) {
        if (gained)
            l1_entry_put(gained, u->d, tlb_stamp());
        return -XEN_EAGAIN;
    }
    if (old & PTE_PRESENT)
        l1_entry_put(old, u->d, tlb_stamp());
    return 0;
}

/* L2 to L4. Calls cond_resched. */
int update_upper(const struct update *u, unsigned level, uint64_t *entry, uint64_t val);

/* The same to a frame of d's that is not in use as a table: eight bytes, whatever they say. 0, or
 * -XEN_EINVAL and a line in the log. */
int write_ordinary(struct domain *d, const char *operation, mfn_t m, unsigned index, uint64_t val);

/* The L1 entry for an address in those tables. NULL: there is none, or it is not in the guest's
 * part. */
uint64_t *find_l1(mfn_t l4, uint64_t va);

/* The entry at that machine address, if it is in an L1 table in use of the domain; else NULL. */
static inline uint64_t *l1_entry_at(const struct domain *d, uint64_t address)
{
    mfn_t m = mfn(address >> PAGE_SHIFT);

    if (address % 8 != 0 || type_in_use(d, &m) != TYPE_L1)
        return NULL;
    return (uint64_t *)frame_bytes(m) + address / 8 % TABLE_ENTRIES;
}
