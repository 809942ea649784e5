#include "paging/foreign.h"
#include "core/log.h"

int foreign_refused(uint16_t domid, const char *why, int rc)
{
    guest_log(current->domain, "foreign domain %u: %s", domid, why);
    return rc;
}

static int get_permitted(uint16_t domid, struct domain **d)
{
    int rc = domain_get_permitted(domid, PRIV_FOREIGN_MAP, d);

    if (rc == -XEN_ESRCH)
        return foreign_refused(domid, "there is none of that number", rc);
    return rc ? foreign_refused(domid, "that takes the privilege foreign-map", rc) : 0;
}

int frames_owner_get(uint16_t domid, struct domain **from)
{
    if (domid == current->domain->id)
        return foreign_refused(domid, "that is the caller: it is DOMID_SELF here", -XEN_ESRCH);
    if (domid == DOMID_IO || domid == DOMID_XEN)
        return foreign_refused(domid, "devices and the hypervisor are not mapped", -XEN_EPERM);
    return get_permitted(domid, from);
}

int foreign_get(uint32_t foreigndom, struct domain **tables, struct domain **from)
{
    uint16_t high = (uint16_t)(foreigndom >> 16);
    int rc = get_permitted(high ? high - 1 : DOMID_SELF, tables);

    if (rc)
        return rc;
    rc = frames_owner_get((uint16_t)foreigndom, from);
    if (rc)
        domain_put(*tables);
    return rc;
}

bool cpus_of_vcpu_bitmap(struct domain *d, guest_ptr_t bitmap, uint64_t *cpus)
{
    uint64_t vcpus = 0, found = 0;
    size_t bytes = (d->nr_vcpus + 7) / 8;

    if (!copy_from_guest(&vcpus, bitmap, bytes))
        return false;
    for (; vcpus; vcpus &= vcpus - 1) {
        const struct vcpu *v = domain_vcpu(d, __builtin_ctzl(vcpus));

        if (v)
            found |= 1ul << v->sched.cpu;
    }
    *cpus = found & READ_ONCE(d->arch.paging.tlb_cpus);
    return true;
}
