/* What the files of the event-channel code share. */
#pragma once

#include "core/domain.h"

/* The channel of a port that has one, free ports included; NULL otherwise. */
static inline struct evtchn *evtchn_lookup(struct domain *d, uint32_t port)
{
    uint32_t nr = __atomic_load_n(&d->evtchn.nr_ports, __ATOMIC_ACQUIRE);

    if (unlikely(port >= nr))
        return NULL;
    port = (uint32_t)clamp_index(port, nr);
    return &d->evtchn.table->page[port / EVTCHN_PER_PAGE][port % EVTCHN_PER_PAGE];
}

/* The channel's words of pending and masked bits in the 2-level ABI. Ports beyond it, which were
 * used in the other one and are now about to close, share the bits of others. */
static inline unsigned evtchn_word(const struct evtchn *chn)
{
    return chn->port / 64 % (EVTCHN_2L_NR_CHANNELS / 64);
}

/* Of a word of 32 or 64 bits that guests change too: one instruction, not a loop that they could
 * prolong. What the bit was. */
#define test_and_set_bit(word, bit)                                        \
    ({                                                                     \
        const __typeof__(*(word)) mask_ = (__typeof__(*(word)))1 << (bit); \
        (__atomic_fetch_or((word), mask_, __ATOMIC_SEQ_CST) & mask_) != 0; \
    })

/* If the channel is in that state, marks its port pending and notifies its vCPU, unless it is
 * pending or masked. */
void evtchn_mark_if(struct evtchn *chn, enum evtchn_state state);
/* Wakes the vCPUs that poll for the port. */
void evtchn_wake_pollers(struct domain *d, uint32_t port);

/* --- the FIFO ABI (evtchn_fifo.c) --- */

#define FIFO_PENDING   (1u << EVTCHN_FIFO_PENDING)
#define FIFO_MASKED    (1u << EVTCHN_FIFO_MASKED)
#define FIFO_LINKED    (1u << EVTCHN_FIFO_LINKED)
#define FIFO_LINK_MASK ((uint32_t)EVTCHN_FIFO_LINK_MASK)

/* Makes a channel that is, or was, in use pending, or clears FIFO_PENDING or FIFO_MASKED of it. It
 * is locked. Whatever is pending and not masked then is queued, and its vCPU notified. */
void evtchn_fifo_update(struct evtchn *chn, bool pending, uint32_t clear);
/* The port's event word; 0 if there is none. */
uint32_t evtchn_fifo_read(struct domain *d, const struct evtchn *chn);
/* Gives back the guest's pages; no port is in use. page_lock is held; calls cond_resched. */
void evtchn_fifo_end(struct domain *d);
long evtchn_init_control(struct vcpu *v, struct evtchn_init_control *arg);
long evtchn_expand_array(struct vcpu *v, struct evtchn_expand_array *arg);

/* All operations but send and unmask. */
long evtchn_rare_op(uint32_t cmd, guest_ptr_t arg);
