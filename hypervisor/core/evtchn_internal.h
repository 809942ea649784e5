/* What the files of the event-channel code share. */
#ifndef CORE_EVTCHN_INTERNAL_H
#define CORE_EVTCHN_INTERNAL_H

#include "core/domain.h"
#include "lib/clamp.h"

/* The channel of a port that has one, free ports included; NULL otherwise. */
static inline struct evtchn *evtchn_lookup(struct domain *d, uint32_t port)
{
    uint32_t nr = __atomic_load_n(&d->evtchn.nr_ports, __ATOMIC_ACQUIRE);

    if (unlikely(port >= nr))
        return NULL;
    port = (uint32_t)clamp_index(port, nr);
    return &d->evtchn.page[port / EVTCHN_PER_PAGE][port % EVTCHN_PER_PAGE];
}

static inline uint64_t *evtchn_pending_word(const struct evtchn *chn)
{
    return &chn->notify->domain->shared->evtchn_pending[chn->port / 64];
}

/* Marks the channel's port pending and notifies its vCPU unless it is pending or masked. Lock-free.
 */
void evtchn_mark_pending(struct evtchn *chn);

/* Rings the channel's other end. 0 or -XEN_EINVAL. */
int evtchn_send(struct domain *d, uint32_t port);
int evtchn_unmask(struct domain *d, uint32_t port);

/* The operations, decoded: each takes its argument from the hypervisor's copy and leaves its
 * results there. 0 or -errno. */
long evtchn_alloc_unbound(struct evtchn_alloc_unbound *arg);
long evtchn_bind_interdomain(struct evtchn_bind_interdomain *arg);
long evtchn_bind_virq(struct evtchn_bind_virq *arg);
long evtchn_bind_ipi(struct evtchn_bind_ipi *arg);
long evtchn_bind_vcpu(struct evtchn_bind_vcpu *arg);
long evtchn_close(struct evtchn_close *arg);
long evtchn_status(struct evtchn_status *arg);
long evtchn_reset(struct evtchn_reset *arg);

#endif
