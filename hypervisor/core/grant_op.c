/* grant_table_op: dispatch, and what is asked about the table itself. */
#include "core/grant_internal.h"

/* Tables of other domains are for a toolstack, of which there is none. */
static int16_t find_own(uint16_t id)
{
    const int rc = domain_check_own(id);

    return !rc ? GNTST_okay : rc == -XEN_ESRCH ? GNTST_bad_domain : GNTST_permission_denied;
}

static int16_t list_frames(struct domain *d, const struct gnttab_setup_table *op)
{
    if (op->nr_frames > d->grant.max_frames)
        return GNTST_general_error;
    for (; READ_ONCE(d->grant.nr_frames) < op->nr_frames; cond_resched())
        if (grant_add_frame(d))
            return GNTST_general_error;
    for (uint32_t i = 0; i < op->nr_frames; i++) {
        uint64_t frame = arch_page_mfn(d->grant.shared[i]).n;

        if (!copy_to_guest(guest_ptr_at(op->frame_list, i * sizeof(frame)), &frame, sizeof(frame)))
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

static long setup_table(struct vcpu *v, struct gnttab_setup_table *op)
{
    op->status = find_own(op->dom);
    if (op->status == GNTST_okay)
        op->status = list_frames(v->domain, op);
    return 0;
}

static long query_size(struct vcpu *v, struct gnttab_query_size *op)
{
    const struct grant_table *gt = &v->domain->grant;

    op->status = find_own(op->dom);
    if (op->status == GNTST_okay) {
        op->nr_frames = READ_ONCE(gt->nr_frames);
        op->max_nr_frames = gt->max_frames;
    }
    return 0;
}

/* Not inlined, so that the frequent ones save no registers. */
static __attribute__((noinline)) long table_op(uint32_t cmd, guest_ptr_t uop, uint32_t count)
{
    static const struct operation ops[] = {
        [GNTTABOP_setup_table] = OPERATION(setup_table, struct gnttab_setup_table, true),
        [GNTTABOP_query_size] = OPERATION(query_size, struct gnttab_query_size, true),
    };

    if (count != 1)
        return -XEN_EINVAL;
    return operation_call(__HYPERVISOR_grant_table_op, ops, ARRAY_LEN(ops), cmd, current, uop);
}

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
    default:
        return table_op(cmd, uop, count);
    }
}
