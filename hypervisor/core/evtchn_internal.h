/* What the files of the event-channel code share. */
#pragma once

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

/* All operations but send and unmask. */
long evtchn_rare_op(uint32_t cmd, guest_ptr_t arg);
