/* Hypercall mmuext_op. */
#include "core/hypercall.h"
#include "lib/string.h"
#include "paging/foreign.h"
#include "paging/type.h"

#define NOINLINE __attribute__((noinline))

/* Only the vCPU itself changes its tables, so whether they change at all needs no lock. */
NOINLINE int paging_new_baseptr(struct vcpu *v, mfn_t l4)
{
    if (!mfn_equal(l4, v->arch.paging.kernel_l4))
        return paging_set_l4(v, true, l4);
    cpu_load_cr3(l4);
    return 0;
}

NOINLINE int paging_new_user_baseptr(struct vcpu *v, mfn_t l4)
{
    if (l4.n == 0)
        l4 = INVALID_MFN;
    return mfn_equal(l4, v->arch.paging.user_l4) ? 0 : paging_set_l4(v, false, l4);
}

/* On the host CPUs of all vCPUs, or of those in a bitmap. */
static NOINLINE int flush(struct domain *d, const struct mmuext_op *op)
{
    uint64_t cpus = READ_ONCE(d->arch.paging.tlb_cpus);

    if ((op->cmd == MMUEXT_TLB_FLUSH_MULTI || op->cmd == MMUEXT_INVLPG_MULTI) &&
        !cpus_of_vcpu_bitmap(d, op->arg2.vcpumask, &cpus))
        return -XEN_EINVAL;
    if (op->cmd == MMUEXT_TLB_FLUSH_MULTI || op->cmd == MMUEXT_TLB_FLUSH_ALL)
        tlb_flush(cpus);
    else
        tlb_flush_page(cpus, op->arg1.linear_addr);
    return 0;
}

/* Zeroes the frame, or copies another onto it. */
static NOINLINE int fill_page(struct domain *from, const struct mmuext_op *op)
{
    const bool copy = op->cmd == MMUEXT_COPY_PAGE;
    const char *operation = copy ? "copy_page" : "clear_page";
    struct frame *src = copy ? frame_get(mfn(op->arg2.src_mfn), from) : NULL;
    void *page = NULL;

    if (copy && !src)
        refuse_type(from, &(struct asker){.operation = operation}, mfn(op->arg2.src_mfn),
                    TYPE_NONE);
    else
        page = page_open(from, operation, mfn(op->arg1.mfn));
    if (page && copy)
        memmove(page, frame_bytes(frame_mfn(src)), PAGE_SIZE);
    else if (page)
        memset(page, 0, PAGE_SIZE);
    if (page)
        arch_frame_put(bytes_frame(page), true);
    if (src)
        frame_put(src);
    return page ? 0 : -XEN_EINVAL;
}

static NOINLINE int pin_or_unpin(struct domain *from, const struct mmuext_op *op)
{
    mfn_t m = mfn(op->arg1.mfn);
    int rc;

    paging_lock(from);
    rc = op->cmd == MMUEXT_UNPIN_TABLE
             ? table_unpin(from, m)
             : table_pin(from, m, TYPE_L1 + (op->cmd - MMUEXT_PIN_L1_TABLE));
    paging_unlock(from);
    return rc;
}

/* Those that are for other domains' frames as well; the rest concerns the caller's address spaces.
 */
#define FOREIGN_OPS                                                                         \
    (1ul << MMUEXT_PIN_L1_TABLE | 1ul << MMUEXT_PIN_L2_TABLE | 1ul << MMUEXT_PIN_L3_TABLE | \
     1ul << MMUEXT_PIN_L4_TABLE | 1ul << MMUEXT_UNPIN_TABLE | 1ul << MMUEXT_CLEAR_PAGE |    \
     1ul << MMUEXT_COPY_PAGE | 1ul << MMUEXT_MARK_SUPER | 1ul << MMUEXT_UNMARK_SUPER)

/* What takes longer is not inlined, so that the others save no registers here. */
static int do_one(struct domain *from, guest_ptr_t at)
{
    struct mmuext_op op;

    if (unlikely(!copy_from_guest(&op, at, sizeof(op))))
        return -XEN_EFAULT;
    if (unlikely(!subop_exists(__HYPERVISOR_mmuext_op, op.cmd)))
        return -XEN_ENOSYS;
    if (unlikely(from != current->domain) && !(FOREIGN_OPS >> op.cmd & 1))
        return foreign_refused(from->id, "this mmuext_op is for the caller only", -XEN_EPERM);
    switch (op.cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
    case MMUEXT_UNPIN_TABLE:
        return pin_or_unpin(from, &op);
    case MMUEXT_NEW_BASEPTR:
        return paging_new_baseptr(current, mfn(op.arg1.mfn));
    case MMUEXT_NEW_USER_BASEPTR:
        return paging_new_user_baseptr(current, mfn(op.arg1.mfn));
    case MMUEXT_TLB_FLUSH_LOCAL:
        tlb_flush_local();
        return 0;
    case MMUEXT_INVLPG_LOCAL:
        tlb_flush_page_local(op.arg1.linear_addr);
        return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
    case MMUEXT_TLB_FLUSH_ALL:
    case MMUEXT_INVLPG_ALL:
        return flush(from, &op);
    case MMUEXT_SET_LDT:
        return ldt_set(current, op.arg1.linear_addr, op.arg2.nr_ents);
    case MMUEXT_CLEAR_PAGE:
    case MMUEXT_COPY_PAGE:
        return fill_page(from, &op);
    case MMUEXT_FLUSH_CACHE:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        return -XEN_EACCES; /* for domains with devices */
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER:
        return -XEN_EOPNOTSUPP;
    default:
        return -XEN_ENOSYS;
    }
}

static NOINLINE long do_many(guest_ptr_t ops, uint32_t count, guest_ptr_t done_ptr,
                             uint32_t foreigndom)
{
    struct domain *from = NULL;
    uint32_t done = 0;
    int rc = frames_owner_get((uint16_t)foreigndom, &from);

    while (done < count && rc == 0) {
        rc = do_one(from, guest_ptr_at(ops, (uint64_t)done * sizeof(struct mmuext_op)));
        done += rc == 0;
        if (done % 8 == 0 && !may_go_on())
            break;
    }
    if (from)
        domain_put(from);
    if (done_ptr.addr != 0)
        (void)copy_to_guest(done_ptr, &done, sizeof(done));
    return rc;
}

long do_mmuext_op(guest_ptr_t ops, uint32_t count, guest_ptr_t done_ptr, uint32_t foreigndom)
{
    if (unlikely(count != 1 || foreigndom != DOMID_SELF))
        return do_many(ops, count, done_ptr, foreigndom);

    long rc = do_one(current->domain, ops);
    uint32_t done = rc == 0;

    if (done_ptr.addr != 0)
        (void)copy_to_guest(done_ptr, &done, sizeof(done));
    return rc;
}
