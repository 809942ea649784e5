/* What the files of the grant-table code share. */
#pragma once

#include "core/hypercall.h"

/* Beside each entry of the shared table, out of the guest's reach: who uses it now. A frame that is
 * pinned stays the same whatever the guest writes into the entry. */
struct grant_active {
    mfn_t frame;
    uint32_t pins;  /* GRANT_READER and GRANT_WRITER for each use */
    uint16_t domid; /* valid while pinned, as is frame */
};

#define GRANT_READER   1u
#define GRANT_WRITER   0x10000u
#define GRANT_PINS_MAX 0x8000u /* of each kind */

/* A mapping that a domain has made of another's frame; its index is the handle. */
struct grant_mapping {
    struct domain *granter; /* with a reference */
    uint32_t ref;           /* in the list of free ones: the next */
    uint32_t flags;         /* GNTMAP_* of the mapping, 0: none; changed by compare-and-swap */
};

#define MAPPING_BUSY 0x80000000u /* in flags: an unmap is at work, and nobody else changes it */

#define NO_HANDLE UINT32_MAX

/* The shared table has a page more afterwards. 0, or -XEN_ENOMEM, also at its limit. */
int grant_add_frame(struct domain *d);

/* The sub-operations. 0 or -errno; the status of each element is in the guest's array. */
long grant_map(guest_ptr_t uop, uint32_t count);
long grant_unmap(guest_ptr_t uop, uint32_t count);
long grant_copy(guest_ptr_t uop, uint32_t count);

/* Inline: of what is done to each grant there is code of its own for readers and for writers. */
#define EACH_KIND static inline __attribute__((always_inline))

/* Each element of a guest's array is copied in, worked on, and of it copied out the `told` bytes, a
 * power of two, among which the status is; others are let in now and then, and if the domain was
 * shut down, nobody waits for the rest. 0 or -XEN_EFAULT. */
EACH_KIND long grant_each(guest_ptr_t array, uint32_t count, void *element, size_t bytes,
                          size_t status, size_t told, int (*work)(void *element, void *context),
                          void *context)
{
    const size_t first = status & -told;

    for (uint32_t i = 0; i < count && (likely(i % 16 != 15) || may_go_on()); i++) {
        if (unlikely(!copy_from_guest(element, array, bytes)))
            return -XEN_EFAULT;
        *(int16_t *)((char *)element + status) = (int16_t)work(element, context);
        if (unlikely(!copy_to_guest(guest_ptr_at(array, first), (char *)element + first, told)))
            return -XEN_EFAULT;
        array = guest_ptr_at(array, bytes);
    }
    return 0;
}

/* --- the pins on entries of a grant table that are in use --- */

static inline struct grant_active *active_of(struct grant_table *gt, uint32_t ref)
{
    return &gt->active[ref / GRANT_REFS_PER_FRAME][ref % GRANT_REFS_PER_FRAME];
}

static inline uint64_t *shared_of(struct grant_table *gt, uint32_t ref)
{
    return &gt->shared[ref / GRANT_REFS_PER_FRAME][ref % GRANT_REFS_PER_FRAME];
}

/* The table is locked, the reference within it. A shared entry is taken as one word: the frame in
 * its upper half, then domid and flags. Checks what the guest wrote and marks it in use in
 * the same step: the word that was checked is the one that is replaced. A granter that changes the
 * entry just then spoils its own grant. */
EACH_KIND int pin_entry(struct domain *granter, uint32_t ref, uint16_t user, bool readonly,
                        mfn_t *frame)
{
    uint32_t checked = 0xffff0000u | GTF_type_mask | (readonly ? 0 : GTF_readonly);
    uint32_t one = readonly ? GRANT_READER : GRANT_WRITER;
    struct grant_active *act = active_of(&granter->grant, ref);
    uint64_t *shared = shared_of(&granter->grant, ref);
    uint64_t entry = READ_ONCE(*shared), marked;
    mfn_t used = mfn(entry >> 32);
    int rc;

    if (unlikely((entry & checked) != ((uint32_t)user << 16 | GTF_permit_access)))
        return GNTST_general_error;
    if (unlikely(act->pins)) {
        if (act->domid != user || (act->pins & one * GRANT_PINS_MAX))
            return GNTST_general_error;
        used = act->frame;
    }
    rc = arch_frame_get(used, granter, !readonly);
    if (unlikely(rc))
        return rc == -XEN_EBUSY ? GNTST_general_error : GNTST_bad_page;
    marked = entry | (readonly ? GTF_reading : GTF_reading | GTF_writing);
    if (unlikely(!__atomic_compare_exchange_n(shared, &entry, marked, false, __ATOMIC_SEQ_CST,
                                              __ATOMIC_SEQ_CST))) {
        arch_frame_put(used, !readonly);
        return GNTST_general_error;
    }
    act->pins += one;
    act->domid = user;
    act->frame = *frame = used;
    return GNTST_okay;
}

/* Lets `user` use the frame of granter's entry: checks the entry, marks it in use, and takes a
 * reference on the frame (for writing unless readonly). GNTST_*. */
EACH_KIND int grant_pin(struct domain *granter, uint32_t ref, uint16_t user, bool readonly,
                        mfn_t *frame)
{
    struct grant_table *gt = &granter->grant;
    uint32_t limit;
    int rc = GNTST_bad_gntref;

    spin_lock(&gt->lock);
    limit = gt->nr_frames * GRANT_REFS_PER_FRAME;
    if (unlikely(granter->dying))
        rc = GNTST_bad_domain;
    else if (likely(ref < limit))
        rc = pin_entry(granter, (uint32_t)clamp_index(ref, limit), user, readonly, frame);
    spin_unlock(&gt->lock);
    return rc;
}

EACH_KIND void grant_unpin(struct domain *granter, uint32_t ref, bool readonly)
{
    struct grant_table *gt = &granter->grant;
    struct grant_active *act = active_of(gt, ref);

    spin_lock(&gt->lock);
    act->pins -= readonly ? GRANT_READER : GRANT_WRITER;
    arch_frame_put(act->frame, !readonly);
    /* The marks go last: when the granter sees them clear, the frame is its own again. */
    if (act->pins < GRANT_WRITER && gt->shared[ref / GRANT_REFS_PER_FRAME])
        __atomic_fetch_and(shared_of(gt, ref),
                           ~(uint64_t)(act->pins ? GTF_writing : GTF_reading | GTF_writing),
                           __ATOMIC_SEQ_CST);
    spin_unlock(&gt->lock);
}
