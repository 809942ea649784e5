/* Hypercall memory_op: a domain's amount of memory. */
#include "core/hypercall.h"
#include "core/log.h"

#define EXTENT_ORDER_MAX 9 /* the largest extent that a domain may ask for: 2 MiB */

/* The command carries in its upper bits how many extents are done already: the answer, if a call is
 * made again to go on from there. */
#define CMD_BITS 6

static bool give_back(struct domain *d, uint64_t first, unsigned order)
{
    for (uint64_t n = 0; n < 1ul << order; n++) {
        if (arch_depopulate(d, mfn(first + n)) != 0) {
            guest_log(current->domain, "decrease_reservation: mfn %#lx is not a page of the domain",
                      first + n);
            return false;
        }
        cond_resched_each(32, n);
    }
    return true;
}

/* A guest that cannot be told has lost the extent, as on Xen: it still owns it. */
static bool do_extent(unsigned cmd, struct domain *d, const struct xen_memory_reservation *r,
                      uint64_t i)
{
    guest_ptr_t at = guest_ptr_at(r->extent_start, i * sizeof(uint64_t));
    uint64_t first = INVALID_PFN.n;
    mfn_t m;

    if (cmd != XENMEM_increase_reservation && !copy_from_guest(&first, at, sizeof(first)))
        return false;
    if (cmd == XENMEM_decrease_reservation)
        return give_back(d, first, r->extent_order);
    m = arch_populate(d, pfn(first), r->extent_order, r->mem_flags);
    return !mfn_equal(m, INVALID_MFN) &&
           (r->extent_start.addr == 0 || copy_to_guest(at, &m.n, sizeof(m.n)));
}

/* What is wrong with a request is said by doing none of it: the answer is the number of extents. */
static long do_extents(unsigned cmd, uint64_t done, guest_ptr_t arg)
{
    struct domain *d;
    struct xen_memory_reservation r;

    if (!copy_from_guest(&r, arg, sizeof(r)) || r.nr_extents > ~0ul >> CMD_BITS ||
        done >= r.nr_extents || r.extent_order > EXTENT_ORDER_MAX ||
        (r.mem_flags & (XENMEMF_populate_on_demand | XENMEMF_vnode)))
        return done;
    if (domain_get_permitted(r.domid, PRIV_CONTROL, &d))
        return done;
    while (done < r.nr_extents && may_go_on() && do_extent(cmd, d, &r, done))
        done++;
    domain_put(d);
    return done;
}

static long reservation(unsigned cmd, guest_ptr_t arg)
{
    struct xen_memory_domain which;
    struct domain *d;
    long rc;

    if (!copy_from_guest(&which, arg, sizeof(which)))
        return -XEN_EFAULT;
    rc = domain_get_permitted(which.domid, PRIV_CONTROL, &d);
    if (rc)
        return rc;
    if (cmd == XENMEM_current_reservation)
        rc = READ_ONCE(d->pages);
    else if (cmd == XENMEM_maximum_reservation)
        rc = READ_ONCE(d->max_pages);
    else if (d->shared) /* one less than the number that the guest itself keeps there */
        rc = MAX(READ_ONCE(d->shared->arch.max_pfn), 1ul) - 1;
    else /* it could not be built */
        rc = -XEN_ESRCH;
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

/* --- XENMEM_exchange: frames of a domain for others, so that it has contiguous ones, or low ones.
 * It goes in chunks, the larger one of an old and a new extent, each of which is exchanged or not
 * --- */

/* What is wrong with the request; else 0. */
static long exchange_refused(const struct xen_memory_exchange *e)
{
    if (e->in.extent_order > EXTENT_ORDER_MAX || e->out.extent_order > EXTENT_ORDER_MAX)
        return -XEN_EPERM;
    if (e->nr_exchanged > e->in.nr_extents || e->in.domid != e->out.domid ||
        e->in.nr_extents > ~0ul >> e->in.extent_order ||
        e->out.nr_extents > ~0ul >> e->out.extent_order ||
        e->in.nr_extents << e->in.extent_order != e->out.nr_extents << e->out.extent_order)
        return -XEN_EINVAL;
    /* Only the caller's own: what is taken and not yet given back belongs to a domain that runs. */
    return domain_check_own(e->in.domid);
}

static bool read_extents(uint64_t *to, const struct xen_memory_reservation *r, uint64_t from,
                         uint64_t count)
{
    return copy_from_guest(to, guest_ptr_at(r->extent_start, from * sizeof(*to)),
                           count * sizeof(*to));
}

/* `in` and `out` have room for the frames of a chunk. */
static long exchange_chunk(const struct xen_memory_exchange *e, uint64_t chunk, unsigned order,
                           uint64_t *in, uint64_t *out)
{
    unsigned in_order = e->in.extent_order, out_order = e->out.extent_order;
    uint64_t nr_in = 1ul << (order - in_order), nr_out = 1ul << (order - out_order);
    long rc;

    if (!read_extents(in, &e->in, chunk * nr_in, nr_in) ||
        !read_extents(out, &e->out, chunk * nr_out, nr_out))
        return -XEN_EFAULT;
    /* From extents to frames, the last first: an extent is not further on than its frames. */
    for (uint64_t i = 1ul << order; i-- > 0;)
        in[i] = in[i >> in_order] + (i & ((1ul << in_order) - 1));
    rc = arch_exchange(current->domain, in, out, order, out_order, e->out.mem_flags);
    /* A guest that cannot be told owns them all the same, as on Xen. */
    if (rc == 0 && !copy_to_guest(guest_ptr_at(e->out.extent_start, chunk * nr_out * sizeof(*out)),
                                  out, nr_out * sizeof(*out)))
        rc = -XEN_EFAULT;
    return rc;
}

/* Pages for two lists, of eight bytes for each frame of the largest extent. */
#define LISTS_ORDER (EXTENT_ORDER_MAX + 4 - PAGE_SHIFT)

static long exchange_all(struct xen_memory_exchange *e)
{
    unsigned order = MAX(e->in.extent_order, e->out.extent_order);
    unsigned shift = order - e->in.extent_order;
    uint64_t *lists = arch_alloc_pages(LISTS_ORDER);
    long rc = 0;

    if (!lists)
        return -XEN_ENOMEM;
    for (uint64_t i = e->nr_exchanged >> shift; i < e->in.nr_extents >> shift && may_go_on(); i++) {
        rc = exchange_chunk(e, i, order, lists, lists + (1ul << EXTENT_ORDER_MAX));
        if (rc)
            break;
        e->nr_exchanged = (i + 1) << shift;
    }
    arch_free_pages(lists, LISTS_ORDER);
    return rc;
}

static long exchange(guest_ptr_t arg)
{
    struct xen_memory_exchange e;
    long rc;

    if (!copy_from_guest(&e, arg, sizeof(e)))
        return -XEN_EFAULT;
    rc = exchange_refused(&e);
    if (rc == 0)
        rc = exchange_all(&e);
    return copy_to_guest(guest_ptr_at(arg, offsetof(struct xen_memory_exchange, nr_exchanged)),
                         &e.nr_exchanged, sizeof(e.nr_exchanged))
               ? rc
               : -XEN_EFAULT;
}

/* --- the hypercall --- */

long do_memory_op(uint64_t cmd, guest_ptr_t arg)
{
    uint64_t start = cmd >> CMD_BITS;

    cmd &= (1u << CMD_BITS) - 1;
    if (!subop_exists(__HYPERVISOR_memory_op, cmd))
        return -XEN_ENOSYS;
    switch (cmd) {
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
    case XENMEM_increase_reservation:
        return do_extents(cmd, start, arg);
    case XENMEM_exchange:
        return exchange(arg);
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
