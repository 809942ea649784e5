/* Grant tables: mapping and unmapping. */
#include "core/grant_internal.h"

#define MAP_KINDS   (GNTMAP_device_map | GNTMAP_host_map)
#define MAP_DETAILS (GNTMAP_readonly | GNTMAP_application_map | GNTMAP_contains_pte)

static struct grant_mapping *mapping_of(struct grant_table *gt, uint32_t handle)
{
    return &gt->maptrack[handle / GRANT_MAPS_PER_FRAME][handle % GRANT_MAPS_PER_FRAME];
}

/* Adds a page of free handles, if there may be one more. */
static void add_maptrack(struct grant_table *gt)
{
    struct grant_mapping *page =
        READ_ONCE(gt->nr_maptrack) < gt->max_maptrack ? arch_alloc_pages(0) : NULL;

    if (!page)
        return;
    spin_lock(&gt->lock);
    if (gt->nr_maptrack < gt->max_maptrack) {
        uint32_t first = gt->nr_maptrack * GRANT_MAPS_PER_FRAME;

        for (uint32_t i = 0; i < GRANT_MAPS_PER_FRAME; i++)
            page[i].ref = i + 1 < GRANT_MAPS_PER_FRAME ? first + i + 1 : gt->free_handle;
        gt->maptrack[gt->nr_maptrack] = page;
        __atomic_store_n(&gt->nr_maptrack, gt->nr_maptrack + 1, __ATOMIC_RELEASE);
        gt->free_handle = first;
        page = NULL;
    }
    spin_unlock(&gt->lock);
    arch_free_pages(page, 0);
}

/* NO_HANDLE if there is none left. */
static uint32_t take_handle(struct grant_table *gt)
{
    uint32_t handle;

    if (unlikely(READ_ONCE(gt->free_handle) == NO_HANDLE))
        add_maptrack(gt);
    spin_lock(&gt->lock);
    handle = gt->free_handle;
    if (likely(handle != NO_HANDLE))
        gt->free_handle = mapping_of(gt, handle)->ref;
    spin_unlock(&gt->lock);
    return handle;
}

static void free_handle(struct grant_table *gt, uint32_t handle)
{
    struct grant_mapping *m = mapping_of(gt, handle);

    spin_lock(&gt->lock);
    m->ref = gt->free_handle;
    WRITE_ONCE(m->flags, 0);
    gt->free_handle = handle;
    spin_unlock(&gt->lock);
}

/* Pins the entry and makes the L1 entry. The caller has a reference on the granter. */
static int pin_and_map(struct domain *user, struct domain *granter, struct gnttab_map_grant_ref *op)
{
    bool readonly = op->flags & GNTMAP_readonly;
    mfn_t frame;
    int rc = grant_pin(granter, op->ref, user->id, readonly, &frame);

    if (unlikely(rc))
        return rc;
    if (op->flags & GNTMAP_host_map)
        rc = arch_grant_map(op->host_addr, frame, op->flags);
    if (unlikely(rc))
        grant_unpin(granter, op->ref, readonly);
    else
        op->dev_bus_addr = frame.n << PAGE_SHIFT;
    return rc;
}

static inline int map_one(void *element, void *context)
{
    struct gnttab_map_grant_ref *op = element;
    struct domain *user = context, *granter = NULL;
    struct grant_mapping *m;
    uint32_t handle;
    int rc;

    if (!(op->flags & MAP_KINDS))
        return GNTST_bad_gntref;
    if (op->dom < DOMID_FIRST_RESERVED)
        granter = domain_get(op->dom);
    if (!granter)
        return GNTST_bad_domain;
    handle = take_handle(&user->grant);
    rc = handle == NO_HANDLE ? GNTST_no_device_space : pin_and_map(user, granter, op);
    if (likely(rc == GNTST_okay)) {
        m = mapping_of(&user->grant, handle);
        m->granter = granter;
        m->ref = op->ref;
        __atomic_store_n(&m->flags, op->flags & (MAP_KINDS | MAP_DETAILS), __ATOMIC_RELEASE);
        op->handle = handle;
        return rc;
    }
    domain_put(granter);
    if (handle != NO_HANDLE)
        free_handle(&user->grant, handle);
    return rc;
}

long grant_map(guest_ptr_t uop, uint32_t count)
{
    struct gnttab_map_grant_ref op;

    return grant_each(uop, count, &op, sizeof(op), offsetof(struct gnttab_map_grant_ref, status),
                      sizeof(op) / 2, map_one, current->domain);
}

/* Takes the mapping for an unmap, so that two vCPUs cannot undo it twice: its flags are ours, with
 * MAPPING_BUSY among them. NULL: there is none. */
static struct grant_mapping *claim_mapping(struct grant_table *gt, uint32_t handle)
{
    uint32_t limit = __atomic_load_n(&gt->nr_maptrack, __ATOMIC_ACQUIRE) * GRANT_MAPS_PER_FRAME;
    struct grant_mapping *m;
    uint32_t flags;

    if (unlikely(handle >= limit))
        return NULL;
    m = mapping_of(gt, (uint32_t)clamp_index(handle, limit));
    flags = READ_ONCE(m->flags);
    if (unlikely(flags == 0 || (flags & MAPPING_BUSY)) ||
        !__atomic_compare_exchange_n(&m->flags, &flags, flags | MAPPING_BUSY, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return NULL;
    return m;
}

/* Undoes the halves that were named; those that are left stay in *flags. */
static int undo(const struct gnttab_unmap_grant_ref *op, const struct grant_mapping *m,
                uint32_t *flags)
{
    mfn_t frame = active_of(&m->granter->grant, m->ref)->frame;

    if (unlikely(op->dev_bus_addr && op->dev_bus_addr != frame.n << PAGE_SHIFT))
        return GNTST_general_error;
    if (op->host_addr && (*flags & GNTMAP_host_map)) {
        int rc = arch_grant_unmap(op->host_addr, frame, *flags);

        if (unlikely(rc))
            return rc;
        *flags &= ~(uint32_t)GNTMAP_host_map;
    }
    if (op->dev_bus_addr)
        *flags &= ~(uint32_t)GNTMAP_device_map;
    return GNTST_okay;
}

/* For a mapping that is claimed, and of which nothing is left. */
static void end_mapping(struct grant_table *gt, uint32_t handle)
{
    const struct grant_mapping *m = mapping_of(gt, handle);

    grant_unpin(m->granter, m->ref, m->flags & GNTMAP_readonly);
    domain_put(m->granter);
    free_handle(gt, handle);
}

/* Entries go one by one, then TLBs are flushed once, then the frames are let go. */
#define UNMAP_BATCH 16

struct unmaps {
    struct grant_table *gt;
    unsigned nr;
    uint32_t ended[UNMAP_BATCH]; /* handles */
};

static void end_unmaps(struct unmaps *u)
{
    if (u->nr)
        arch_grant_flush();
    for (; u->nr; u->nr--)
        end_mapping(u->gt, u->ended[u->nr - 1]);
}

static inline int unmap_one(void *element, void *unmaps)
{
    const struct gnttab_unmap_grant_ref *op = element;
    struct unmaps *u = unmaps;
    struct grant_mapping *m = claim_mapping(u->gt, op->handle);
    uint32_t flags;
    int rc;

    if (unlikely(!m))
        return GNTST_bad_handle;
    flags = m->flags & ~MAPPING_BUSY;
    rc = undo(op, m, &flags);
    if (unlikely(flags & MAP_KINDS))
        __atomic_store_n(&m->flags, flags, __ATOMIC_RELEASE);
    else
        u->ended[u->nr++] = op->handle;
    if (unlikely(u->nr == UNMAP_BATCH))
        end_unmaps(u);
    return rc;
}

long grant_unmap(guest_ptr_t uop, uint32_t count)
{
    struct gnttab_unmap_grant_ref op;
    struct unmaps u;
    long rc;

    u.gt = &current->domain->grant;
    u.nr = 0;
    rc = grant_each(uop, count, &op, sizeof(op), offsetof(struct gnttab_unmap_grant_ref, status),
                    sizeof(op.status), unmap_one, &u);
    end_unmaps(&u);
    return rc;
}

void grant_release_mappings(struct domain *d)
{
    struct grant_table *gt = &d->grant;

    for (uint32_t handle = 0; handle < gt->nr_maptrack * GRANT_MAPS_PER_FRAME; handle++) {
        cond_resched_each(64, handle);
        if (claim_mapping(gt, handle))
            end_mapping(gt, handle);
    }
}
