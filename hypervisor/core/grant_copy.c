/* Grant tables: copying between granted and own frames. */
#include "core/grant_internal.h"
#include "lib/string.h"

/* The two ends of a copy differ in constants; inline, each gets code of its own. */
#define EACH_END static inline __attribute__((always_inline))

/* One's own domain, called DOMID_SELF, needs no reference. */
EACH_END int find_domain(const struct gnttab_copy_ptr *at, bool by_ref, struct domain *self,
                         struct domain **d)
{
    *d = self;
    if (at->domid == DOMID_SELF)
        return GNTST_okay;
    if (!by_ref)
        return GNTST_permission_denied;
    *d = domain_get(at->domid);
    return *d ? GNTST_okay : GNTST_bad_domain;
}

EACH_END void forget_domain(const struct gnttab_copy_ptr *at, struct domain *d)
{
    if (at->domid != DOMID_SELF)
        domain_put(d);
}

EACH_END int open_frame(struct domain *d, const struct gnttab_copy_ptr *at, bool by_ref,
                        bool readonly, uint16_t user, mfn_t *frame)
{
    int rc;

    if (by_ref)
        return grant_pin(d, at->u.ref, user, readonly, frame);
    *frame = mfn(at->u.gmfn);
    rc = arch_frame_get(*frame, d, !readonly);
    if (unlikely(rc))
        return rc == -XEN_EBUSY ? GNTST_general_error : GNTST_bad_page;
    return GNTST_okay;
}

EACH_END void close_frame(struct domain *d, const struct gnttab_copy_ptr *at, bool by_ref,
                          bool readonly, mfn_t frame)
{
    if (by_ref)
        grant_unpin(d, at->u.ref, readonly);
    else
        arch_frame_put(frame, !readonly);
}

static int copy_bytes(const struct gnttab_copy *op, mfn_t from, mfn_t to)
{
    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    memmove((char *)arch_frame_bytes(to) + op->dest.offset,
            (const char *)arch_frame_bytes(from) + op->source.offset, op->len);
    return GNTST_okay;
}

static int copy_frames(const struct gnttab_copy *op, struct domain *from, struct domain *to,
                       uint16_t user)
{
    bool from_ref = op->flags & GNTCOPY_source_gref, to_ref = op->flags & GNTCOPY_dest_gref;
    mfn_t source, dest;
    int rc = open_frame(from, &op->source, from_ref, true, user, &source);

    if (unlikely(rc))
        return rc;
    rc = open_frame(to, &op->dest, to_ref, false, user, &dest);
    if (likely(!rc)) {
        rc = copy_bytes(op, source, dest);
        close_frame(to, &op->dest, to_ref, false, dest);
    }
    close_frame(from, &op->source, from_ref, true, source);
    return rc;
}

static int copy_one(const struct gnttab_copy *op, struct domain *self)
{
    struct domain *from, *to;
    int rc = find_domain(&op->source, op->flags & GNTCOPY_source_gref, self, &from);

    if (unlikely(rc))
        return rc;
    rc = find_domain(&op->dest, op->flags & GNTCOPY_dest_gref, self, &to);
    if (likely(!rc)) {
        rc = copy_frames(op, from, to, self->id);
        forget_domain(&op->dest, to);
    }
    forget_domain(&op->source, from);
    return rc;
}

long grant_copy(guest_ptr_t uop, uint32_t count)
{
    struct domain *self = current->domain;
    struct gnttab_copy op;

    for (uint32_t i = 0; i < count && grant_may_go_on(i); i++) {
        if (!copy_from_guest(&op, uop, sizeof(op)))
            return -XEN_EFAULT;
        op.status = (int16_t)copy_one(&op, self);
        if (!copy_to_guest(guest_ptr_at(uop, offsetof(struct gnttab_copy, status)), &op.status,
                           sizeof(op.status)))
            return -XEN_EFAULT;
        uop = guest_ptr_at(uop, sizeof(op));
    }
    return 0;
}
