/* Hypercall mmu_update. */
#include "core/hypercall.h"
#include "core/log.h"
#include "paging/foreign.h"
#include "paging/update.h"

#define BATCH 16 /* requests copied at once */

static int update_entry(const struct update *u, uint64_t ptr, uint64_t val)
{
    mfn_t m = mfn(ptr >> PAGE_SHIFT);
    unsigned index = ptr / 8 % TABLE_ENTRIES;
    uint64_t word, *entry;

    /* A table in use keeps owner and type while we hold page_lock. */
    if (likely(frame_clamp(&m) && READ_ONCE(frame_at(m)->owner) == owner_number(u->d))) {
        word = READ_ONCE(frame_at(m)->type);
        entry = (uint64_t *)frame_bytes(m) + index;
        if (likely((word & TYPE_USES) != 0)) {
            if (likely(TYPE_OF(word) == TYPE_L1))
                return update_l1(u, entry, val);
            if (TYPE_OF(word) >= TYPE_L2 && TYPE_OF(word) <= TYPE_L4)
                return update_upper(u, TYPE_OF(word), entry, val);
        }
    }
    return write_ordinary(u->d, "mmu_update", m, index, val);
}

static int update_m2p(const struct update *u, uint64_t ptr, uint64_t val)
{
    mfn_t m = mfn(ptr >> PAGE_SHIFT);
    struct frame *f;

    if (u->d != current->domain)
        return foreign_refused(u->d->id, "M2P updates are not made in its name", -XEN_EPERM);
    f = frame_get(m, u->from);
    if (!f) {
        refuse_type(u->from, &(struct asker){.operation = "M2P update"}, m, TYPE_NONE);
        return -XEN_EINVAL;
    }
    m2p_set(frame_mfn(f), val); /* clamped, unlike m */
    frame_put(f);
    return 0;
}

static int do_one(struct update *u, const struct mmu_update *req)
{
    unsigned cmd = req->ptr % 8;

    switch (cmd) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_PRESERVE_AD:
        u->how = cmd == MMU_PT_UPDATE_PRESERVE_AD ? UPDATE_KEEP_AD : UPDATE_PLAIN;
        return update_entry(u, req->ptr - cmd, req->val);
    case MMU_MACHPHYS_UPDATE:
        return update_m2p(u, req->ptr, req->val);
    case MMU_PT_UPDATE_NO_TRANSLATE:
        if (!subop_exists(__HYPERVISOR_mmu_update, cmd))
            return -XEN_ENOSYS;
        u->how = UPDATE_PLAIN;
        return update_entry(u, req->ptr - cmd, req->val);
    default:
        return -XEN_ENOSYS;
    }
}

/* Fetches up to `want` requests; a batch that reaches into unmapped memory is retried one by one,
 * so that those before the hole are done. */
static unsigned fetch(struct mmu_update *req, guest_ptr_t from, unsigned want)
{
    if (copy_from_guest(req, from, want * sizeof(*req)))
        return want;
    return want > 1 && copy_from_guest(req, from, sizeof(*req)) ? 1 : 0;
}

static int do_all(struct update *u, guest_ptr_t reqs, uint32_t count, uint32_t *done)
{
    struct mmu_update req[BATCH];

    while (*done < count) {
        unsigned n = fetch(req, guest_ptr_at(reqs, (uint64_t)*done * sizeof(*req)),
                           MIN(count - *done, (uint32_t)BATCH));

        if (n == 0)
            return -XEN_EFAULT;
        for (unsigned i = 0; i < n; i++) {
            int rc = do_one(u, &req[i]);

            if (unlikely(rc))
                return rc;
            ++*done;
        }
        if (*done < count && !may_go_on())
            break;
    }
    return 0;
}

static __attribute__((noinline)) long do_many(guest_ptr_t reqs, uint32_t count,
                                              guest_ptr_t done_ptr, uint32_t foreigndom)
{
    struct domain *d = current->domain;
    struct update u = {.d = d, .from = d};
    uint32_t done = 0;
    int rc = 0;

    if (unlikely(foreigndom != DOMID_SELF))
        rc = foreign_get(foreigndom, &u.d, &u.from);
    if (likely(rc == 0)) {
        u.from_number = owner_number(u.from);
        paging_lock(u.d);
        rc = do_all(&u, reqs, count, &done);
        paging_unlock(u.d);
        if (unlikely(foreigndom != DOMID_SELF)) {
            domain_put(u.d);
            domain_put(u.from);
        }
    }
    /* The updates are made, whether it can be told or not. */
    if (done_ptr.addr != 0)
        (void)copy_to_guest(done_ptr, &done, sizeof(done));
    return rc;
}

/* A single update of the guest's own: the usual one. */
static long do_single(struct domain *d, guest_ptr_t at)
{
    struct update u = {.d = d, .from = d, .from_number = owner_number(d)};
    struct mmu_update req;
    int rc;

    if (unlikely(!copy_from_guest(&req, at, sizeof(req))))
        return -XEN_EFAULT;
    paging_lock(d);
    rc = do_one(&u, &req);
    paging_unlock(d);
    return rc;
}

long do_mmu_update(guest_ptr_t reqs, uint32_t count, guest_ptr_t done_ptr, uint32_t foreigndom)
{
    if (unlikely(count != 1 || foreigndom != DOMID_SELF))
        return do_many(reqs, count, done_ptr, foreigndom);

    long rc = do_single(current->domain, reqs);
    uint32_t done = rc == 0;

    if (done_ptr.addr != 0)
        (void)copy_to_guest(done_ptr, &done, sizeof(done));
    return rc;
}
