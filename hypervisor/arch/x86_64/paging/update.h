/* Changing entries of page tables in use. The caller holds d's page_lock. */
#ifndef PAGING_UPDATE_H
#define PAGING_UPDATE_H

#include "paging/type.h"

/* Whose tables are changed, and whose frames L1 entries may name. */
struct update {
    struct domain *d;
    struct domain *from;
    uint32_t from_number; /* owner_number(from) */
    bool preserve_ad;     /* keep the accessed and dirty bits that are set */
};

/* Gives the entry a new value. 0, or -XEN_EINVAL, -XEN_EPERM, -XEN_EBUSY as Xen does, and a line in
 * the log. The frame is a table of that level; index is below TABLE_ENTRIES. */
int update_l1(const struct update *u, mfn_t table, unsigned index, uint64_t val);
/* L2 to L4. Calls cond_resched. */
int update_upper(const struct update *u, unsigned level, mfn_t table, unsigned index, uint64_t val);

/* The L1 entry for an address in those tables: its table and index; false: there is none, or it is
 * not in the guest's part. */
bool find_l1(mfn_t l4, uint64_t va, mfn_t *table, unsigned *index);

#endif
