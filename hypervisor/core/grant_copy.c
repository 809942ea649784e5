/* Grant tables: copying between granted and own frames. */
#include "core/grant_internal.h"
#include "lib/string.h"

/* A frame to copy from or to, and whose it is. */
struct end {
    struct domain *d; /* with a reference, if it is another */
    mfn_t frame;
};

EACH_KIND int open_end(const struct gnttab_copy_ptr *at, bool by_ref, bool readonly,
                       struct domain *self, struct end *end)
{
    int rc;

    end->d = self;
    if (at->domid != DOMID_SELF) {
        if (!by_ref)
            return GNTST_permission_denied;
        if (at->domid != self->id)
            end->d = domain_get(at->domid);
        if (unlikely(!end->d))
            return GNTST_bad_domain;
    }
    if (by_ref) {
        rc = grant_pin(end->d, at->u.ref, self->id, readonly, &end->frame);
    } else {
        end->frame = mfn(at->u.gmfn);
        rc = arch_frame_get(end->frame, self, !readonly);
        if (unlikely(rc))
            rc = rc == -XEN_EBUSY ? GNTST_general_error : GNTST_bad_page;
    }
    if (unlikely(rc) && end->d != self)
        domain_put(end->d);
    return rc;
}

EACH_KIND void close_end(const struct gnttab_copy_ptr *at, bool by_ref, bool readonly,
                         const struct domain *self, const struct end *end)
{
    if (by_ref)
        grant_unpin(end->d, at->u.ref, readonly);
    else
        arch_frame_put(end->frame, !readonly);
    if (end->d != self)
        domain_put(end->d);
}

static inline int copy_one(void *element, void *self)
{
    const struct gnttab_copy *op = element;
    const bool from_ref = op->flags & GNTCOPY_source_gref, to_ref = op->flags & GNTCOPY_dest_gref;
    struct end from, to;
    int rc = open_end(&op->source, from_ref, true, self, &from);

    if (unlikely(rc))
        return rc;
    rc = open_end(&op->dest, to_ref, false, self, &to);
    if (likely(!rc)) {
        if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
            rc = GNTST_bad_copy_arg;
        else
            memmove((char *)arch_frame_bytes(to.frame) + op->dest.offset,
                    (const char *)arch_frame_bytes(from.frame) + op->source.offset, op->len);
        close_end(&op->dest, to_ref, false, self, &to);
    }
    close_end(&op->source, from_ref, true, self, &from);
    return rc;
}

long grant_copy(guest_ptr_t uop, uint32_t count)
{
    struct gnttab_copy op;

    return grant_each(uop, count, &op, sizeof(op), offsetof(struct gnttab_copy, status),
                      sizeof(op.status), copy_one, current->domain);
}
