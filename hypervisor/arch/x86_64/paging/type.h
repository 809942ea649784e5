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

/* What the frame is used as, TYPE_NONE if it is not d's or has no use; *m is safe to use then. A
 * page table or descriptor page stays one as long as the lock is held. */
static inline enum frame_type type_in_use(const struct domain *d, mfn_t *m)
{
    uint64_t word;

    if (unlikely(!frame_clamp(m) || READ_ONCE(frame_at(*m)->owner) != owner_number(d)))
        return TYPE_NONE;
    word = READ_ONCE(frame_at(*m)->type);
    return likely((word & TYPE_USES) != 0) ? TYPE_OF(word) : TYPE_NONE;
}

/* --- the references that an L1 entry holds: one on its frame, and a use as writable page if it is
 * writable; inline, as every update of a mapping comes through here --- */

/* Takes them for a present entry with permitted flags; the frame must be that owner's. 0,
 * -XEN_EPERM (no such frame), -XEN_EINVAL (frame number all ones), -XEN_EBUSY (owner, type). */
static inline int l1_entry_get(uint64_t pte, uint32_t owner)
{
    struct frame *f = frame_lookup(pte_frame(pte));

    if (unlikely(!f))
        return (pte & PTE_FRAME) == PTE_FRAME ? -XEN_EINVAL : -XEN_EPERM;
    if (unlikely(!frame_ref(f, owner)))
        return -XEN_EBUSY;
    if ((pte & PTE_RW) && unlikely(!frame_get_writable(f, true))) {
        frame_put(f);
        return -XEN_EBUSY;
    }
    return 0;
}

/* Drops those of an entry that is gone from d's tables since `stamp`. A frame of another domain
 * must leave d's TLBs first: its owner looks only at its own. */
static inline void l1_entry_put(uint64_t pte, struct domain *d, uint32_t stamp)
{
    if (unlikely(frame_at(pte_frame(pte))->owner != owner_number(d)))
        tlb_flush(tlb_stale(READ_ONCE(d->arch.paging.tlb_cpus), stamp));
    arch_frame_put(pte_frame(pte), pte & PTE_RW);
}

/* --- page tables and descriptor pages --- */

/* Whether an entry of a table of that level is not one of the hypervisor's own. */
static inline bool slot_is_guests(unsigned level, size_t index)
{
    return level != 4 || index < L4_SLOT_FIRST_RESERVED || index > L4_SLOT_LAST_RESERVED;
}

/* Whether L4 tables show the M2P until one is used for user mode; else, as long as the domain does
 * not ask for that, each shows it from its first use for kernel mode on. */
static inline bool m2p_strict(const struct domain *d)
{
    return d->vm_assist & 1ul << VMASST_TYPE_m2p_strict;
}

/* Who asks for a type: an entry of a table or, if that is set, an operation. For the log. */
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

/* The same for what an entry of an L2 to L4 table names. An L4 table that names itself, where its
 * domain may have that, holds no reference on itself. */
int upper_entry_get(struct domain *d, const struct asker *asker, uint64_t pte);
void upper_entry_put(struct domain *d, mfn_t table, unsigned level, uint64_t pte);

static inline bool names_itself(mfn_t table, unsigned level, uint64_t pte)
{
    return level == 4 && mfn_equal(pte_frame(pte), table);
}

int table_pin(struct domain *d, mfn_t m, enum frame_type type);
int table_unpin(struct domain *d, mfn_t m);

/* Whether the guest may have this descriptor; raises its privilege level to 3 where it has one. */
bool descriptor_check(uint64_t *descriptor);

/* MMUEXT_SET_LDT; 0 or -XEN_EINVAL. */
int ldt_set(struct vcpu *v, uint64_t va, unsigned entries);
/* Takes all pages out of the LDT's window: they are mapped again when they are used. The vCPU is
 * current or does not run. */
void ldt_unmap(struct vcpu *v);

/* A page of d's that is no table, to be written to, until arch_frame_put. NULL, and a line in the
 * log: it is not that. Hold no spin lock. */
void *page_open(struct domain *d, const char *operation, mfn_t m);

/* --- lines in the log of the current domain, the caller: which rule, which entry, which frame and
 * what it is --- */

/* Entry `index` of a table of that level was refused; `from`: whose frames it may name. */
void refuse_entry(struct domain *from, const struct asker *asker, uint64_t pte);
/* A frame that should be theirs cannot have that type for the asker; TYPE_NONE: any will do. */
void refuse_type(struct domain *from, const struct asker *asker, mfn_t m, enum frame_type type);
void refuse_descriptor(mfn_t m, unsigned index, uint64_t descriptor);
