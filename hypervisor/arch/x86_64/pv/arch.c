/* core/arch.h's life of domains and vCPUs: paging's part and pv's. */
#include "core/domain.h"
#include "paging/paging.h"
#include "pv/pv.h"

int arch_domain_init(struct domain *d)
{
    return paging_domain_init(d);
}

void arch_domain_relinquish(struct domain *d)
{
    /* The last vCPU does this itself: its tables go, so it goes on with the hypervisor's own. */
    if (current->domain == d)
        paging_leave();
    paging_relinquish(d);
}

void arch_domain_free(struct domain *d)
{
    paging_domain_free(d);
}

int arch_vcpu_init(struct vcpu *v)
{
    paging_vcpu_init(v);
    return pv_vcpu_init(v);
}

void arch_vcpu_free(struct vcpu *v)
{
    pv_vcpu_free(v);
}
