/* The references that an L1 entry holds: one on its frame, and a use as writable page if it is
 * writable. Inline: every update of a mapping comes through here. */
#pragma once

#include "core/domain.h"
#include "paging/paging.h"

/* Takes them for a present entry with permitted flags; the frame must be that owner's. 0,
 * -XEN_EPERM (no such frame), -XEN_EINVAL (frame number all ones), -XEN_EBUSY (owner, type). */
static inline int l1_entry_get(uint64_t pte, uint32_t owner)
{
    struct frame *f = frame_lookup(pte_frame(pte));

    if (unlikely(!f))
        return (pte & PTE_FRAME) == PTE_FRAME ? -XEN_EINVAL : -XEN_EPERM;
    if (unlikely(!frame_ref(f, owner)))
        return -XEN_EBUSY;
    if ((pte & PTE_RW) && unlikely(!frame_get_writable_flush(f))) {
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
