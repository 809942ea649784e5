/* Hypercalls update_va_mapping and update_va_mapping_otherdomain. */
#include "core/hypercall.h"
#include "core/log.h"
#include "paging/foreign.h"
#include "paging/update.h"

static int flush_after(struct domain *d, uint64_t va, uint64_t flags)
{
    uint64_t type = flags & UVMF_FLUSHTYPE_MASK, where = flags - type, cpus;

    if (type != UVMF_TLB_FLUSH && type != UVMF_INVLPG)
        return 0;
    if (where == UVMF_LOCAL)
        cpus = 1ul << arch_this_cpu();
    else if (where == UVMF_ALL)
        cpus = READ_ONCE(d->arch.paging.tlb_cpus);
    else if (!cpus_of_vcpu_bitmap(d, guest_ptr(where), &cpus))
        return -XEN_EFAULT;
    if (type == UVMF_INVLPG)
        tlb_flush_page(cpus, va);
    else
        tlb_flush(cpus);
    return 0;
}

static long update_va(uint64_t va, uint64_t val, uint64_t flags, struct domain *from)
{
    struct domain *d = current->domain;
    struct update u = {.d = d, .from = from};
    uint64_t *entry;
    int rc = -XEN_EINVAL;

    paging_lock(d);
    entry = find_l1(current->arch.paging.kernel_l4, va);
    if (likely(entry))
        rc = update_l1(&u, entry, val);
    else
        guest_log(d, "update_va_mapping at %#lx: there is no L1 page table for that", va);
    paging_unlock(d);
    return rc ? rc : flush_after(d, va, flags);
}

long do_update_va_mapping(uint64_t va, uint64_t val, uint64_t flags)
{
    return update_va(va, val, flags, current->domain);
}

long do_update_va_mapping_otherdomain(uint64_t va, uint64_t val, uint64_t flags, uint16_t domid)
{
    struct domain *from;
    long rc = frames_owner_get(domid, &from);

    if (rc)
        return rc;
    rc = update_va(va, val, flags, from);
    domain_put(from);
    return rc;
}
