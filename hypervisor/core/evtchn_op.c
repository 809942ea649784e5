/* event_channel_op: copies the argument in, and the results out. */
#include "core/evtchn_internal.h"
#include "core/hypercall.h"
#include "core/hypercalls.h"

union argument {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_close close;
    struct evtchn_status status;
    struct evtchn_reset reset;
};

static size_t argument_size(uint32_t cmd)
{
    switch (cmd) {
    case EVTCHNOP_alloc_unbound:
        return sizeof(struct evtchn_alloc_unbound);
    case EVTCHNOP_bind_interdomain:
        return sizeof(struct evtchn_bind_interdomain);
    case EVTCHNOP_bind_virq:
        return sizeof(struct evtchn_bind_virq);
    case EVTCHNOP_bind_ipi:
        return sizeof(struct evtchn_bind_ipi);
    case EVTCHNOP_bind_vcpu:
        return sizeof(struct evtchn_bind_vcpu);
    case EVTCHNOP_close:
        return sizeof(struct evtchn_close);
    case EVTCHNOP_status:
        return sizeof(struct evtchn_status);
    case EVTCHNOP_reset:
        return sizeof(struct evtchn_reset);
    default:
        return 0;
    }
}

static bool has_results(uint32_t cmd)
{
    return cmd == EVTCHNOP_alloc_unbound || cmd == EVTCHNOP_bind_interdomain ||
           cmd == EVTCHNOP_bind_virq || cmd == EVTCHNOP_bind_ipi || cmd == EVTCHNOP_status;
}

static long perform(uint32_t cmd, union argument *arg)
{
    switch (cmd) {
    case EVTCHNOP_alloc_unbound:
        return evtchn_alloc_unbound(&arg->alloc_unbound);
    case EVTCHNOP_bind_interdomain:
        return evtchn_bind_interdomain(&arg->bind_interdomain);
    case EVTCHNOP_bind_virq:
        return evtchn_bind_virq(&arg->bind_virq);
    case EVTCHNOP_bind_ipi:
        return evtchn_bind_ipi(&arg->bind_ipi);
    case EVTCHNOP_bind_vcpu:
        return evtchn_bind_vcpu(&arg->bind_vcpu);
    case EVTCHNOP_close:
        return evtchn_close(&arg->close);
    case EVTCHNOP_status:
        return evtchn_status(&arg->status);
    case EVTCHNOP_reset:
        return evtchn_reset(&arg->reset);
    default:
        return -XEN_ENOSYS;
    }
}

static __attribute__((noinline)) long other_op(uint32_t cmd, guest_ptr_t arg)
{
    union argument a;
    size_t size = argument_size(cmd);
    long rc;

    if (!copy_from_guest(&a, arg, size))
        return -XEN_EFAULT;
    /* A result that cannot be written is refused while there is nothing to undo yet. */
    if (has_results(cmd) && !copy_to_guest(arg, &a, size))
        return -XEN_EFAULT;
    rc = perform(cmd, &a);
    if (rc == 0 && has_results(cmd) && !copy_to_guest(arg, &a, size))
        rc = -XEN_EFAULT;
    return rc;
}

/* The frequent ones first and by themselves: their argument is a port number alone. */
long do_event_channel_op(uint32_t cmd, guest_ptr_t arg)
{
    struct domain *d = current->domain;
    uint32_t port;

    if (!subop_exists(__HYPERVISOR_event_channel_op, cmd))
        return -XEN_ENOSYS;
    if (cmd != EVTCHNOP_send && cmd != EVTCHNOP_unmask)
        return other_op(cmd, arg);
    if (!copy_from_guest(&port, arg, sizeof(port)))
        return -XEN_EFAULT;
    if (cmd == EVTCHNOP_send)
        return evtchn_send(d, port);
    return evtchn_unmask(d, port);
}
