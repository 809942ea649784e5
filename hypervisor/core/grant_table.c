/* Grant tables: their pages, and the pins on entries in use. */
#include "core/grant_internal.h"

#define ACTIVE_ORDER 1 /* pages of struct grant_active for one page of shared entries */

/* A shared entry as one word, so that flags, domid and frame are read and replaced together. */
#define ENTRY_FRAME(e)       mfn((e) >> 32)
#define ENTRY_DOMID_FLAGS(e) ((uint32_t)(e))

static struct grant_active *active_of(struct grant_table *gt, uint32_t ref)
{
    return &gt->active[ref / GRANT_REFS_PER_FRAME][ref % GRANT_REFS_PER_FRAME];
}

static uint64_t *shared_of(struct grant_table *gt, uint32_t ref)
{
    return &gt->shared[ref / GRANT_REFS_PER_FRAME][ref % GRANT_REFS_PER_FRAME];
}

static uint32_t one_pin(bool readonly)
{
    return readonly ? GRANT_READER : GRANT_WRITER;
}

/* The table is locked, the reference within it. Checks what the guest wrote and marks it in use in
 * the same step: the word that was checked is the one that is replaced. A granter that changes the
 * entry just then spoils its own grant. */
static inline int pin(struct domain *granter, uint32_t ref, uint16_t user, bool readonly,
                      mfn_t *frame)
{
    uint32_t checked = 0xffff0000u | GTF_type_mask | (readonly ? 0 : GTF_readonly);
    struct grant_active *act = active_of(&granter->grant, ref);
    uint64_t *shared = shared_of(&granter->grant, ref);
    uint64_t entry = READ_ONCE(*shared), marked;
    mfn_t used = ENTRY_FRAME(entry);
    int rc;

    if (unlikely((ENTRY_DOMID_FLAGS(entry) & checked) !=
                 ((uint32_t)user << 16 | GTF_permit_access)))
        return GNTST_general_error;
    if (act->pins) {
        if (act->domid != user || (act->pins & one_pin(readonly) * GRANT_PINS_MAX))
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
    act->pins += one_pin(readonly);
    act->domid = user;
    act->frame = *frame = used;
    return GNTST_okay;
}

int grant_pin(struct domain *granter, uint32_t ref, uint16_t user, bool readonly, mfn_t *frame)
{
    struct grant_table *gt = &granter->grant;
    uint32_t limit;
    int rc = GNTST_bad_gntref;

    spin_lock(&gt->lock);
    limit = gt->nr_frames * GRANT_REFS_PER_FRAME;
    if (unlikely(granter->dying))
        rc = GNTST_bad_domain;
    else if (likely(ref < limit))
        rc = pin(granter, (uint32_t)clamp_index(ref, limit), user, readonly, frame);
    spin_unlock(&gt->lock);
    return rc;
}

void grant_unpin(struct domain *granter, uint32_t ref, bool readonly)
{
    struct grant_table *gt = &granter->grant;
    struct grant_active *act = active_of(gt, ref);

    spin_lock(&gt->lock);
    act->pins -= one_pin(readonly);
    arch_frame_put(act->frame, !readonly);
    /* The marks go last: when the granter sees them clear, the frame is its own again. */
    if (act->pins < GRANT_WRITER && gt->shared[ref / GRANT_REFS_PER_FRAME])
        __atomic_fetch_and(shared_of(gt, ref),
                           ~(uint64_t)(act->pins ? GTF_writing : GTF_reading | GTF_writing),
                           __ATOMIC_SEQ_CST);
    spin_unlock(&gt->lock);
}

mfn_t grant_pinned_frame(struct domain *granter, uint32_t ref)
{
    return active_of(&granter->grant, ref)->frame;
}

int grant_add_frame(struct domain *d)
{
    struct grant_table *gt = &d->grant;
    void *active = arch_alloc_pages(ACTIVE_ORDER);
    void *shared = active ? arch_share_page(d, true) : NULL;
    bool used = false;

    if (shared) {
        spin_lock(&gt->lock);
        if (gt->nr_frames < gt->max_frames && !d->dying) {
            gt->active[gt->nr_frames] = active;
            gt->shared[gt->nr_frames] = shared;
            gt->nr_frames++;
            used = true;
        }
        spin_unlock(&gt->lock);
    }
    if (used)
        return 0;
    if (shared)
        arch_unshare_page(d, shared);
    if (active)
        arch_free_pages(active, ACTIVE_ORDER);
    return -XEN_ENOMEM;
}

int grant_init(struct domain *d)
{
    d->grant.free_handle = NO_HANDLE;
    d->grant.max_frames = GRANT_FRAMES_MAX;
    d->grant.max_maptrack = GRANT_MAPTRACK_MAX;
    d->grant.maptrack = arch_alloc_pages(GRANT_MAPTRACK_ORDER);
    return d->grant.maptrack ? grant_add_frame(d) : -XEN_ENOMEM;
}

void grant_destroy(struct domain *d)
{
    struct grant_table *gt = &d->grant;

    for (unsigned i = 0; i < GRANT_FRAMES_MAX; i++) {
        void *shared;

        /* Whoever unpins from now on finds no shared entry to mark. */
        spin_lock(&gt->lock);
        shared = gt->shared[i];
        gt->shared[i] = NULL;
        spin_unlock(&gt->lock);
        if (shared)
            arch_unshare_page(d, shared);
    }
    for (uint32_t i = 0; i < gt->nr_maptrack; i++)
        arch_free_pages(gt->maptrack[i], 0);
    gt->nr_maptrack = 0;
    gt->free_handle = NO_HANDLE;
    if (gt->maptrack)
        arch_free_pages(gt->maptrack, GRANT_MAPTRACK_ORDER);
    gt->maptrack = NULL;
}

void grant_free(struct domain *d)
{
    struct grant_table *gt = &d->grant;

    for (unsigned i = 0; i < GRANT_FRAMES_MAX; i++) {
        if (gt->active[i])
            arch_free_pages(gt->active[i], ACTIVE_ORDER);
        gt->active[i] = NULL;
    }
    gt->nr_frames = 0;
}
