/* Grant tables: mapping and unmapping. */
#include "core/grant_internal.h"

#define MAP_KINDS (GNTMAP_device_map | GNTMAP_host_map)

/* The domain's table is locked. */
static struct grant_mapping *mapping_of(struct grant_table *gt, uint32_t handle)
{
    return &gt->maptrack[handle / GRANT_MAPS_PER_FRAME][handle % GRANT_MAPS_PER_FRAME];
}

/* The domain's table is locked. Adds a page of free handles. */
static bool add_maptrack(struct grant_table *gt)
{
    uint32_t first = gt->nr_maptrack * GRANT_MAPS_PER_FRAME;
    struct grant_mapping *page;

    if (gt->nr_maptrack >= gt->max_maptrack)
        return false;
    if (!gt->maptrack)
        gt->maptrack = arch_alloc_pages(GRANT_MAPTRACK_ORDER);
    if (!gt->maptrack)
        return false;
    page = arch_alloc_pages(0);
    if (!page)
        return false;
    for (uint32_t i = 0; i < GRANT_MAPS_PER_FRAME; i++)
        page[i].ref = i + 1 < GRANT_MAPS_PER_FRAME ? first + i + 1 : gt->free_handle;
    gt->maptrack[gt->nr_maptrack++] = page;
    gt->free_handle = first;
    return true;
}

/* NO_HANDLE if there is none left. */
static uint32_t take_handle(struct grant_table *gt)
{
    uint32_t handle = NO_HANDLE;

    spin_lock(&gt->lock);
    if (gt->free_handle != NO_HANDLE || add_maptrack(gt)) {
        handle = gt->free_handle;
        gt->free_handle = mapping_of(gt, handle)->ref;
    }
    spin_unlock(&gt->lock);
    return handle;
}

/* Takes the handle into use with these contents or, if flags are 0, frees it. */
static void set_handle(struct grant_table *gt, uint32_t handle, struct grant_mapping value)
{
    spin_lock(&gt->lock);
    if (value.flags == 0) {
        value = (struct grant_mapping){.ref = gt->free_handle};
        gt->free_handle = handle;
    }
    *mapping_of(gt, handle) = value;
    spin_unlock(&gt->lock);
}

/* Pins the entry and makes the L1 entry. The caller has the handle and the reference on the
 * granter. */
static int pin_and_map(struct domain *granter, struct gnttab_map_grant_ref *op)
{
    bool readonly = op->flags & GNTMAP_readonly;
    mfn_t frame;
    int rc = grant_pin(granter, op->ref, current->domain->id, readonly, &frame);

    if (rc)
        return rc;
    if (op->flags & GNTMAP_host_map)
        rc = arch_grant_map(op->host_addr, frame, op->flags);
    if (rc)
        grant_unpin(granter, op->ref, readonly);
    else
        op->dev_bus_addr = frame.n << PAGE_SHIFT;
    return rc;
}

static int map_one(struct gnttab_map_grant_ref *op)
{
    struct grant_table *gt = &current->domain->grant;
    struct grant_mapping mapping = {.ref = op->ref, .flags = (uint16_t)op->flags};
    uint32_t handle;
    int rc;

    if (!(op->flags & MAP_KINDS))
        return GNTST_bad_gntref;
    mapping.granter = op->dom < DOMID_FIRST_RESERVED ? domain_get(op->dom) : NULL;
    if (!mapping.granter)
        return GNTST_bad_domain;
    handle = take_handle(gt);
    rc = handle == NO_HANDLE ? GNTST_no_device_space : pin_and_map(mapping.granter, op);
    if (rc) {
        domain_put(mapping.granter);
        mapping.flags = 0;
    } else {
        op->handle = handle;
    }
    if (handle != NO_HANDLE)
        set_handle(gt, handle, mapping);
    return rc;
}

long grant_map(guest_ptr_t uop, uint32_t count)
{
    struct gnttab_map_grant_ref op;

    for (uint32_t i = 0; i < count && grant_may_go_on(i); i++) {
        if (!copy_from_guest(&op, uop, sizeof(op)))
            return -XEN_EFAULT;
        op.status = (int16_t)map_one(&op);
        if (!copy_to_guest(uop, &op, sizeof(op)))
            return -XEN_EFAULT;
        uop = guest_ptr_at(uop, sizeof(op));
    }
    return 0;
}

/* Takes the mapping for an unmap, so that two vCPUs cannot undo it twice. */
static bool claim_handle(struct grant_table *gt, uint32_t handle, struct grant_mapping *found)
{
    struct grant_mapping *m;
    bool claimed = false;
    uint32_t limit;

    spin_lock(&gt->lock);
    limit = gt->nr_maptrack * GRANT_MAPS_PER_FRAME;
    if (handle < limit) {
        m = mapping_of(gt, (uint32_t)clamp_index(handle, limit));
        if (m->flags && !m->busy) {
            *found = *m;
            m->busy = true;
            claimed = true;
        }
    }
    spin_unlock(&gt->lock);
    return claimed;
}

/* Undoes the halves that were named; those that are left are in *m's flags. */
static int undo(const struct gnttab_unmap_grant_ref *op, struct grant_mapping *m)
{
    mfn_t frame = grant_pinned_frame(m->granter, m->ref);

    if (op->dev_bus_addr && op->dev_bus_addr != frame.n << PAGE_SHIFT)
        return GNTST_general_error;
    if (op->host_addr && (m->flags & GNTMAP_host_map)) {
        int rc = arch_grant_unmap(op->host_addr, frame, m->flags);

        if (rc)
            return rc;
        m->flags &= (uint16_t)~GNTMAP_host_map;
    }
    if (op->dev_bus_addr)
        m->flags &= (uint16_t)~GNTMAP_device_map;
    return GNTST_okay;
}

static int unmap_one(const struct gnttab_unmap_grant_ref *op)
{
    struct grant_table *gt = &current->domain->grant;
    struct grant_mapping m;
    bool readonly;
    int rc;

    if (!claim_handle(gt, op->handle, &m))
        return GNTST_bad_handle;
    rc = undo(op, &m);
    readonly = m.flags & GNTMAP_readonly;
    if (!(m.flags & MAP_KINDS)) {
        grant_unpin(m.granter, m.ref, readonly);
        domain_put(m.granter);
        m.flags = 0;
    }
    set_handle(gt, op->handle, m);
    return rc;
}

long grant_unmap(guest_ptr_t uop, uint32_t count)
{
    struct gnttab_unmap_grant_ref op;

    for (uint32_t i = 0; i < count && grant_may_go_on(i); i++) {
        if (!copy_from_guest(&op, uop, sizeof(op)))
            return -XEN_EFAULT;
        op.status = (int16_t)unmap_one(&op);
        if (!copy_to_guest(guest_ptr_at(uop, offsetof(struct gnttab_unmap_grant_ref, status)),
                           &op.status, sizeof(op.status)))
            return -XEN_EFAULT;
        uop = guest_ptr_at(uop, sizeof(op));
    }
    return 0;
}

void grant_release_mappings(struct domain *d)
{
    struct grant_table *gt = &d->grant;

    for (uint32_t handle = 0; handle < gt->nr_maptrack * GRANT_MAPS_PER_FRAME; handle++) {
        struct grant_mapping m;

        if (handle % 64 == 63)
            cond_resched();
        if (!claim_handle(gt, handle, &m))
            continue;
        grant_unpin(m.granter, m.ref, m.flags & GNTMAP_readonly);
        domain_put(m.granter);
        m.flags = 0;
        set_handle(gt, handle, m);
    }
}
