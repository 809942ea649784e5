/* XENMEM_exchange: frames of a domain for others, so that it has contiguous ones, or low ones. It
 * goes in chunks, the larger one of an old and a new extent, each of which is exchanged or not. */
#include "core/hypercall.h"
#include "core/memory.h"

/* What is wrong with the request; else 0. */
static long refused(const struct xen_memory_exchange *e)
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

static long exchange_all(struct xen_memory_exchange *e)
{
    unsigned order = MAX(e->in.extent_order, e->out.extent_order);
    unsigned shift = order - e->in.extent_order;
    uint64_t *lists = arch_alloc_pages(1);
    long rc = 0;

    if (!lists)
        return -XEN_ENOMEM;
    _Static_assert(sizeof(*lists) << EXTENT_ORDER_MAX == PAGE_SIZE, "a page for each list");
    for (uint64_t i = e->nr_exchanged >> shift; i < e->in.nr_extents >> shift && may_go_on(); i++) {
        rc = exchange_chunk(e, i, order, lists, lists + PAGE_SIZE / sizeof(*lists));
        if (rc)
            break;
        e->nr_exchanged = (i + 1) << shift;
    }
    arch_free_pages(lists, 1);
    return rc;
}

long memory_exchange(guest_ptr_t arg)
{
    struct xen_memory_exchange e;
    long rc;

    if (!copy_from_guest(&e, arg, sizeof(e)))
        return -XEN_EFAULT;
    rc = refused(&e);
    if (rc == 0)
        rc = exchange_all(&e);
    return copy_to_guest(guest_ptr_at(arg, offsetof(struct xen_memory_exchange, nr_exchanged)),
                         &e.nr_exchanged, sizeof(e.nr_exchanged))
               ? rc
               : -XEN_EFAULT;
}
