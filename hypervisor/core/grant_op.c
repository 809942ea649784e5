/* grant_table_op: dispatch, and what is asked about the table itself. */
#include "core/grant_internal.h"
#include "core/hypercall.h"

/* Tables of other domains are for a toolstack, of which there is none. */
static int find_own(uint16_t id)
{
    struct domain *d = domain_get(id);

    if (!d)
        return GNTST_bad_domain;
    domain_put(d);
    return d == current->domain ? GNTST_okay : GNTST_permission_denied;
}

static int list_frames(struct domain *d, const struct gnttab_setup_table *op)
{
    int rc = find_own(op->dom);

    if (rc)
        return rc;
    if (op->nr_frames > d->grant.max_frames || grant_grow(d, op->nr_frames))
        return GNTST_general_error;
    for (uint32_t i = 0; i < op->nr_frames; i++) {
        uint64_t frame = arch_page_mfn(d->grant.shared[i]).n;

        if (!copy_to_guest(guest_ptr_at(op->frame_list, i * sizeof(frame)), &frame, sizeof(frame)))
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

static __attribute__((noinline)) long setup_table(guest_ptr_t uop, uint32_t count)
{
    struct gnttab_setup_table op;

    if (count != 1)
        return -XEN_EINVAL;
    if (!copy_from_guest(&op, uop, sizeof(op)))
        return -XEN_EFAULT;
    op.status = (int16_t)list_frames(current->domain, &op);
    return copy_to_guest(uop, &op, sizeof(op)) ? 0 : -XEN_EFAULT;
}

static __attribute__((noinline)) long query_size(guest_ptr_t uop, uint32_t count)
{
    const struct grant_table *gt = &current->domain->grant;
    struct gnttab_query_size op;

    if (count != 1)
        return -XEN_EINVAL;
    if (!copy_from_guest(&op, uop, sizeof(op)))
        return -XEN_EFAULT;
    op.status = (int16_t)find_own(op.dom);
    if (op.status == GNTST_okay) {
        op.nr_frames = READ_ONCE(gt->nr_frames);
        op.max_nr_frames = gt->max_frames;
    }
    return copy_to_guest(uop, &op, sizeof(op)) ? 0 : -XEN_EFAULT;
}

/* The rare ones are not inlined, so that the others save no registers here. */
long do_grant_table_op(uint32_t cmd, guest_ptr_t uop, uint32_t count)
{
    if (!subop_exists(__HYPERVISOR_grant_table_op, cmd))
        return -XEN_ENOSYS;
    if (count > INT32_MAX)
        return -XEN_EINVAL;
    switch (cmd) {
    case GNTTABOP_map_grant_ref:
        return grant_map(uop, count);
    case GNTTABOP_unmap_grant_ref:
        return grant_unmap(uop, count);
    case GNTTABOP_copy:
        return grant_copy(uop, count);
    case GNTTABOP_setup_table:
        return setup_table(uop, count);
    case GNTTABOP_query_size:
        return query_size(uop, count);
    default:
        return -XEN_ENOSYS;
    }
}
