/* domctl: control of other domains. */
#include "core/domain.h"
#include "core/hypercall.h"

long do_domctl(guest_ptr_t arg)
{
    struct xen_domctl op;
    struct domain *d;
    long rc = -XEN_EINVAL;

    if (!copy_from_guest(&op, arg, sizeof(op)))
        return -XEN_EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    if (!(current->domain->privileges & PRIV_CONTROL))
        return -XEN_EPERM;
    if (!subop_exists(__HYPERVISOR_domctl, op.cmd))
        return -XEN_ENOSYS;
    d = domain_get(op.domain);
    if (!d)
        return -XEN_ESRCH;
    if (d != current->domain)
        rc = op.cmd == XEN_DOMCTL_pausedomain ? domain_pause(d) : domain_unpause(d);
    domain_put(d);
    return rc;
}
