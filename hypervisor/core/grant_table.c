/* Grant tables: their pages, and the pins on entries in use. */
#include "core/grant_internal.h"

#define ACTIVE_ORDER 1 /* pages of struct grant_active for one page of shared entries */

int grant_add_frame(struct domain *d)
{
    struct grant_table *gt = &d->grant;
    void *active = arch_alloc_pages(ACTIVE_ORDER);
    void *shared = active ? arch_share_page(d, true) : NULL;
    int rc = -XEN_ENOMEM;

    spin_lock(&gt->lock);
    if (shared && gt->nr_frames < gt->max_frames && !d->dying) {
        gt->active[gt->nr_frames] = active;
        gt->shared[gt->nr_frames] = shared;
        gt->nr_frames++;
        active = shared = NULL;
        rc = 0;
    }
    spin_unlock(&gt->lock);
    if (shared)
        arch_unshare_page(d, shared);
    arch_free_pages(active, ACTIVE_ORDER);
    return rc;
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
    for (uint32_t i = 0; i < gt->nr_maptrack; i++) {
        arch_free_pages(gt->maptrack[i], 0);
        cond_resched_each(32, i);
    }
    gt->nr_maptrack = 0;
    gt->free_handle = NO_HANDLE;
    arch_free_pages(gt->maptrack, GRANT_MAPTRACK_ORDER);
    gt->maptrack = NULL;
}

void grant_free(struct domain *d)
{
    for (unsigned i = 0; i < GRANT_FRAMES_MAX; i++)
        arch_free_pages(d->grant.active[i], ACTIVE_ORDER);
}
