/* Hypercall mmu_update. */
#include "core/hypercall.h"
#include "paging/foreign.h"
#include "paging/update.h"

static int update_entry(const struct update *u, uint64_t ptr, uint64_t val)
{
    mfn_t m = mfn(ptr >> PAGE_SHIFT);
    unsigned index = ptr / 8 % TABLE_ENTRIES;
    enum frame_type type = type_in_use(u->d, &m);

    if (likely(type == TYPE_L1))
        return update_l1(u, (uint64_t *)frame_bytes(m) + index, val);
    if (type >= TYPE_L2 && type <= TYPE_L4)
        return update_upper(u, type, (uint64_t *)frame_bytes(m) + index, val);
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
    case MMU_PT_UPDATE_NO_TRANSLATE:
        if (!subop_exists(__HYPERVISOR_mmu_update, cmd))
            return -XEN_ENOSYS;
        __attribute__((fallthrough));
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_PRESERVE_AD:
        u->how = cmd == MMU_PT_UPDATE_PRESERVE_AD ? UPDATE_KEEP_AD : UPDATE_PLAIN;
        return update_entry(u, req->ptr, req->val);
    case MMU_MACHPHYS_UPDATE:
        return update_m2p(u, req->ptr, req->val);
    default:
        return -XEN_ENOSYS;
    }
}

static inline int do_all(struct domain *d, struct domain *from, guest_ptr_t reqs, uint32_t count,
                         uint32_t *done)
{
    struct mmu_update req;
    struct update u = {.d = d, .from = from};
    uint32_t i = 0;
    int rc = 0;

    paging_lock(d);
    for (; i < count; i++) {
        if (unlikely(!copy_from_guest(&req, guest_ptr_at(reqs, i * sizeof(req)), sizeof(req))))
            rc = -XEN_EFAULT;
        else
            rc = do_one(&u, &req);
        if (unlikely(rc))
            break;
        if (unlikely(i % 16 == 15) && !may_go_on())
            count = i + 1;
    }
    paging_unlock(d);
    *done = i;
    return rc;
}

static __attribute__((noinline)) int do_foreign(guest_ptr_t reqs, uint32_t count, uint32_t *done,
                                                uint32_t foreigndom)
{
    struct domain *d, *from;
    int rc = foreign_get(foreigndom, &d, &from);

    if (rc)
        return rc;
    rc = do_all(d, from, reqs, count, done);
    domain_put(d);
    domain_put(from);
    return rc;
}

long do_mmu_update(guest_ptr_t reqs, uint32_t count, guest_ptr_t done_ptr, uint32_t foreigndom)
{
    struct domain *d = current->domain;
    uint32_t done = 0;
    long rc = unlikely(foreigndom != DOMID_SELF) ? do_foreign(reqs, count, &done, foreigndom)
                                                 : do_all(d, d, reqs, count, &done);

    /* The updates are made, whether it can be told or not. */
    if (done_ptr.addr != 0)
        (void)copy_to_guest(done_ptr, &done, sizeof(done));
    return rc;
}
