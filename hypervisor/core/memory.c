#include "core/memory.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/log.h"

/* The command carries in its upper bits how many extents are done already: the answer, if a call is
 * made again to go on from there. */
#define CMD_BITS 6

struct request {
    struct domain *d;
    struct xen_memory_reservation r;
};

static bool extent_number(const struct request *q, uint64_t i, uint64_t *number)
{
    return copy_from_guest(number, guest_ptr_at(q->r.extent_start, i * sizeof(*number)),
                           sizeof(*number));
}

static bool give_back(const struct request *q, uint64_t i)
{
    uint64_t first;

    if (!extent_number(q, i, &first))
        return false;
    for (uint64_t n = 0; n < 1ul << q->r.extent_order; n++) {
        if (arch_depopulate(q->d, mfn(first + n)) != 0) {
            guest_log(current->domain, "decrease_reservation: mfn %#lx is not a page of the domain",
                      first + n);
            return false;
        }
        cond_resched_each(32, n);
    }
    return true;
}

/* A guest that cannot be told has lost the extent, as on Xen: it still owns it. */
static bool give_more(const struct request *q, uint64_t i, pfn_t first)
{
    mfn_t m = arch_populate(q->d, first, q->r.extent_order, q->r.mem_flags);

    if (mfn_equal(m, INVALID_MFN))
        return false;
    return q->r.extent_start.addr == 0 ||
           copy_to_guest(guest_ptr_at(q->r.extent_start, i * sizeof(m.n)), &m.n, sizeof(m.n));
}

static bool populate(const struct request *q, uint64_t i)
{
    uint64_t first;

    return extent_number(q, i, &first) && give_more(q, i, pfn(first));
}

static bool increase(const struct request *q, uint64_t i)
{
    return give_more(q, i, INVALID_PFN);
}

/* What is wrong with a request is said by doing none of it: the answer is the number of extents. */
static long do_extents(uint64_t start, guest_ptr_t arg,
                       bool (*one)(const struct request *, uint64_t))
{
    struct domain *caller = current->domain;
    struct request q;
    uint64_t i = start;

    if (!copy_from_guest(&q.r, arg, sizeof(q.r)) || q.r.nr_extents > ~0ul >> CMD_BITS ||
        start >= q.r.nr_extents || q.r.extent_order > EXTENT_ORDER_MAX ||
        (q.r.mem_flags & (XENMEMF_populate_on_demand | XENMEMF_vnode)))
        return start;
    q.d = domain_get(q.r.domid);
    if (!q.d)
        return start;
    if (q.d == caller || (caller->privileges & PRIV_CONTROL))
        for (; i < q.r.nr_extents && may_go_on() && one(&q, i); i++)
            ;
    domain_put(q.d);
    return i;
}

static long reservation(unsigned cmd, guest_ptr_t arg)
{
    struct xen_memory_domain which;
    struct domain *d;
    long rc = -XEN_EPERM;

    if (!copy_from_guest(&which, arg, sizeof(which)))
        return -XEN_EFAULT;
    d = domain_get(which.domid);
    if (!d)
        return -XEN_ESRCH;
    if (d == current->domain || (current->domain->privileges & PRIV_CONTROL)) {
        if (cmd == XENMEM_current_reservation)
            rc = READ_ONCE(d->pages);
        else if (cmd == XENMEM_maximum_reservation)
            rc = READ_ONCE(d->max_pages);
        else if (d->shared) /* one less than the number that the guest itself keeps there */
            rc = MAX(READ_ONCE(d->shared->arch.max_pfn), 1ul) - 1;
        else /* it could not be built */
            rc = -XEN_ESRCH;
    }
    domain_put(d);
    return rc;
}

/* Only guests whose frame numbers are translated have a map that could be changed. */
static long no_physmap(unsigned cmd, guest_ptr_t arg)
{
    struct xen_add_to_physmap a;
    struct domain *d;

    /* In all three structures the domain comes first; this much of them is there. */
    if (!copy_from_guest(&a, arg, offsetof(struct xen_add_to_physmap, idx)))
        return -XEN_EFAULT;
    if (cmd == XENMEM_add_to_physmap && a.space == XENMAPSPACE_gmfn_foreign)
        return -XEN_ENOSYS;
    d = domain_get(a.domid);
    if (!d)
        return -XEN_ESRCH;
    domain_put(d);
    return -XEN_EACCES;
}

static long memory_map(guest_ptr_t arg)
{
    struct xen_e820_entry ram = {0, current->domain->max_pages << PAGE_SHIFT, E820_RAM};
    struct xen_memory_map map;

    if (!copy_from_guest(&map, arg, sizeof(map)))
        return -XEN_EFAULT;
    map.nr_entries = MIN(map.nr_entries, 1u);
    if (!copy_to_guest(map.buffer, &ram, map.nr_entries * sizeof(ram)) ||
        !copy_to_guest(arg, &map, sizeof(map)))
        return -XEN_EFAULT;
    return 0;
}

long do_memory_op(uint64_t cmd, guest_ptr_t arg)
{
    uint64_t start = cmd >> CMD_BITS;

    cmd &= (1u << CMD_BITS) - 1;
    if (!subop_exists(__HYPERVISOR_memory_op, cmd))
        return -XEN_ENOSYS;
    switch (cmd) {
    case XENMEM_decrease_reservation:
        return do_extents(start, arg, give_back);
    case XENMEM_populate_physmap:
        return do_extents(start, arg, populate);
    case XENMEM_increase_reservation:
        return do_extents(start, arg, increase);
    case XENMEM_exchange:
        return memory_exchange(arg);
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return reservation(cmd, arg);
    case XENMEM_maximum_ram_page:
        return arch_max_frame();
    case XENMEM_memory_map:
        return memory_map(arg);
    case XENMEM_add_to_physmap:
    case XENMEM_add_to_physmap_batch:
    case XENMEM_remove_from_physmap:
        return no_physmap(cmd, arg);
    default:
        return arch_memory_op(cmd, arg);
    }
}
