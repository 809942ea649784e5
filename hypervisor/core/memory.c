#include "core/memory.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/log.h"

/* The command carries in its upper bits how many extents are done already: the answer, if a call is
 * made again to go on from there. */
#define CMD_BITS 6

/* The largest extent an unprivileged domain may ask for: 2 MiB. */
#define ORDER_MAX_DOMU 9

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
            guest_log(q->d, "decrease_reservation: mfn %#lx is not a page of the domain",
                      first + n);
            return false;
        }
        if (n % 32 == 31)
            cond_resched();
    }
    return true;
}

static bool populate(const struct request *q, uint64_t i)
{
    unsigned bits = XENMEMF_get_address_bits(q->r.mem_flags);
    uint64_t first;
    mfn_t m;

    if (!extent_number(q, i, &first))
        return false;
    m = arch_populate(q->d, pfn(first), q->r.extent_order);
    if (mfn_equal(m, INVALID_MFN))
        return false;
    if (bits != 0 && bits < 64 &&
        ((m.n + (1ul << q->r.extent_order)) << PAGE_SHIFT) > 1ul << bits) {
        for (uint64_t n = 0; n < 1ul << q->r.extent_order; n++)
            arch_depopulate(q->d, mfn(m.n + n));
        return false;
    }
    /* A guest that cannot be told has lost the extent, as on Xen: it still owns it. */
    return copy_to_guest(guest_ptr_at(q->r.extent_start, i * sizeof(m.n)), &m.n, sizeof(m.n));
}

/* What is wrong with a request is said by doing none of it: the answer is the number of extents. */
static long do_extents(uint64_t start, guest_ptr_t arg,
                       bool (*one)(const struct request *, uint64_t))
{
    struct domain *caller = current->domain;
    struct request q;
    uint64_t i = start;

    if (!copy_from_guest(&q.r, arg, sizeof(q.r)) || q.r.nr_extents > ~0ul >> CMD_BITS ||
        start >= q.r.nr_extents || q.r.extent_order > ORDER_MAX_DOMU ||
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
    if (d == current->domain || (current->domain->privileges & PRIV_CONTROL))
        rc = READ_ONCE(*(cmd == XENMEM_current_reservation ? &d->pages : &d->max_pages));
    domain_put(d);
    return rc;
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
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
        return reservation(cmd, arg);
    case XENMEM_maximum_ram_page:
        return arch_max_frame();
    case XENMEM_memory_map:
        return memory_map(arg);
    default:
        return arch_memory_op(cmd, arg);
    }
}
