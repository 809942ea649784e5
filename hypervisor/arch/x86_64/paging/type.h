/* Page-table and descriptor types: how frames get and lose them. The caller of everything here
 * holds the owner's page_lock, through paging_lock. */
#pragma once

#include "core/domain.h"
#include "paging/paging.h"

static inline void paging_lock(struct domain *d)
{
    mutex_lock(&d->page_lock);
}

void paging_flush_demoted(struct domain *d);

/* Flushes first if a frame lost its type: what is not a table any more is in no TLB from here on.
 */
static inline void paging_unlock(struct domain *d)
{
    if (unlikely(d->arch.paging.demoted))
        paging_flush_demoted(d);
    mutex_unlock(&d->page_lock);
}

/* Who asks for a type: an entry of a table, or with table INVALID_MFN an operation. For the log. */
struct asker {
    mfn_t table;
    unsigned level, index;
    const char *operation;
};

/* Takes a reference and a use of d's frame as that type (L1 .. L4, descriptor page), checking its
 * contents if it is not in use as such yet. 0, or -XEN_EINVAL, -XEN_EBUSY, -XEN_EPERM and a line in
 * the log. Calls cond_resched. */
int table_get(struct domain *d, mfn_t m, enum frame_type type, const struct asker *asker);
/* Drops both; the last use takes apart what the table refers to. Calls cond_resched. */
void table_put(struct domain *d, mfn_t m);

int table_pin(struct domain *d, mfn_t m, enum frame_type type);
int table_unpin(struct domain *d, mfn_t m);

/* Whether the guest may have this descriptor; raises its privilege level to 3 where it has one. */
bool descriptor_check(uint64_t *descriptor);

/* --- lines in the guest's log: which rule, which entry, which frame and what it is --- */

/* Entry `index` of a table of that level was refused; `from`: whose frames it may name. */
void refuse_entry(struct domain *d, const struct asker *asker, uint64_t pte,
                  const struct domain *from);
/* A frame cannot have that type for the asker. */
void refuse_type(struct domain *d, const struct asker *asker, mfn_t m, enum frame_type type);
void refuse_descriptor(struct domain *d, mfn_t m, unsigned index, uint64_t descriptor);
