/* Grant tables: copying between granted and own frames. */
#include "core/grant_internal.h"
#include "lib/string.h"

/* One end of a copy. */
struct end {
    struct domain *d; /* whose frame; with a reference */
    const struct gnttab_copy_ptr *at;
    mfn_t frame; /* with a reference */
    bool by_ref, readonly;
};

static int find_domain(struct end *e)
{
    if (!e->by_ref && e->at->domid != DOMID_SELF)
        return GNTST_permission_denied;
    e->d = domain_get(e->at->domid);
    return e->d ? GNTST_okay : GNTST_bad_domain;
}

static int open_frame(struct end *e)
{
    int rc;

    if (e->by_ref)
        return grant_pin(e->d, e->at->u.ref, current->domain->id, e->readonly, &e->frame);
    e->frame = mfn(e->at->u.gmfn);
    rc = arch_frame_get(e->frame, e->d, !e->readonly);
    if (rc)
        return rc == -XEN_EBUSY ? GNTST_general_error : GNTST_bad_page;
    return GNTST_okay;
}

static void close_frame(const struct end *e)
{
    if (e->by_ref)
        grant_unpin(e->d, e->at->u.ref, e->readonly);
    else
        arch_frame_put(e->frame, !e->readonly);
}

static int copy_bytes(const struct gnttab_copy *op, const struct end *from, const struct end *to)
{
    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    memmove((char *)arch_frame_bytes(to->frame) + op->dest.offset,
            (const char *)arch_frame_bytes(from->frame) + op->source.offset, op->len);
    return GNTST_okay;
}

static int copy_frames(const struct gnttab_copy *op, struct end *from, struct end *to)
{
    int rc = open_frame(from);

    if (rc)
        return rc;
    rc = open_frame(to);
    if (!rc) {
        rc = copy_bytes(op, from, to);
        close_frame(to);
    }
    close_frame(from);
    return rc;
}

static int copy_one(const struct gnttab_copy *op)
{
    struct end from = {
        .at = &op->source, .by_ref = op->flags & GNTCOPY_source_gref, .readonly = true};
    struct end to = {.at = &op->dest, .by_ref = op->flags & GNTCOPY_dest_gref, .readonly = false};
    int rc = find_domain(&from);

    if (!rc)
        rc = find_domain(&to);
    if (!rc)
        rc = copy_frames(op, &from, &to);
    if (from.d)
        domain_put(from.d);
    if (to.d)
        domain_put(to.d);
    return rc;
}

long grant_copy(guest_ptr_t uop, uint32_t count)
{
    struct gnttab_copy op;

    for (uint32_t i = 0; i < count && grant_may_go_on(i); i++) {
        if (!copy_from_guest(&op, uop, sizeof(op)))
            return -XEN_EFAULT;
        op.status = (int16_t)copy_one(&op);
        if (!copy_to_guest(guest_ptr_at(uop, offsetof(struct gnttab_copy, status)), &op.status,
                           sizeof(op.status)))
            return -XEN_EFAULT;
        uop = guest_ptr_at(uop, sizeof(op));
    }
    return 0;
}
