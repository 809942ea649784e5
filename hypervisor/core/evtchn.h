/* Event channels. Binding and closing take one lock for all domains, as they are rare and have two
 * ends. Sending takes the lock of the channel that it marks, and then looks again whether that is
 * still the one to mark; closing takes it too, so that nobody marks the port any more afterwards.
 * Between the looks it may have been closed, so channels stay allocated until evtchn_free, before
 * which every CPU has let interrupts in (arch_outlast_others).
 * A domain begins with the 2-level ABI, and may change to the FIFO one (evtchn_fifo.c), whose words
 * and control blocks are in pages that it lends us; they are given back in the same manner. */
#pragma once

#include "lib/types.h"
#include "lib/spinlock.h"
#include "abi/xen.h"
#include "abi/event_channel.h"
#include "core/timer.h"

struct domain;
struct vcpu;

#define EVTCHN_PER_PAGE       128u
#define EVTCHN_PAGES          (EVTCHN_FIFO_NR_CHANNELS / EVTCHN_PER_PAGE)
#define EVTCHN_WORDS_PER_PAGE (PAGE_SIZE / sizeof(uint32_t))

/* As EVTCHNOP_status tells it, but for the last one. */
enum evtchn_state {
    CHAN_FREE = EVTCHNSTAT_closed, /* port 0 too, though it is never used */
    CHAN_UNBOUND = EVTCHNSTAT_unbound,
    CHAN_INTERDOMAIN = EVTCHNSTAT_interdomain,
    CHAN_VIRQ = EVTCHNSTAT_virq,
    CHAN_IPI = EVTCHNSTAT_ipi,
    CHAN_HYPERVISOR, /* the other end is the hypervisor */
};

struct evtchn {
    struct evtchn *peer; /* the other end; of CHAN_IPI itself, of others NULL */
    struct vcpu *notify; /* whom an event on this port wakes; NULL: never in use yet */
    uint32_t port;
    uint8_t state; /* enum evtchn_state */
    uint8_t virq;
    uint16_t remote_domid; /* CHAN_UNBOUND: who may bind */
    /* In the FIFO ABI: */
    uint16_t queue; /* the number of the one it was put into last */
    bool held;      /* pending, but there is no word yet to say so */
    uint8_t priority;
    struct spinlock lock; /* for marking it and closing it; guards queue and held */
};

/* Guards states and ends of all channels, and where each vCPU's vcpu_info is. */
extern struct spinlock evtchn_lock;

/* Four pages; those of channels come as ports are used, 4 MiB at most. */
struct evtchn_table {
    struct evtchn *page[EVTCHN_PAGES];
    uint8_t used[EVTCHN_PAGES]; /* how many of its ports are not free */
    uint32_t *words[EVTCHN_FIFO_NR_CHANNELS / EVTCHN_WORDS_PER_PAGE]; /* the guest's pages */
};

struct evtchn_domain {
    struct evtchn_table *table;
    uint32_t nr_ports;   /* ports below have a struct evtchn */
    uint32_t max_ports;  /* ports below may be opened: as many as the ABI in use has */
    uint32_t room;       /* no page of channels before this one has a free port */
    uint32_t nr_words;   /* ports below have an event word; changed under page_lock */
    bool fifo;           /* which ABI is in use; changed under page_lock */
    uint64_t pollers;    /* vCPUs in SCHEDOP_poll that are still to be woken (atomic) */
    uint64_t outlast_ns; /* before this it may not interrupt all CPUs again */
    void (*on_hypervisor_event)(struct domain *d); /* the guest rang a CHAN_HYPERVISOR port */
};

/* Of the FIFO ABI. */
struct evtchn_queue {
    struct spinlock lock;
    uint32_t tail; /* the port that was put in last; 0: the queue is empty for certain */
};

struct evtchn_vcpu {
    struct evtchn_queue queue[EVTCHN_FIFO_MAX_QUEUES];
    struct evtchn_fifo_control_block *block; /* the guest's; NULL: none. Changed under page_lock */
    uint32_t virq_port[NR_VIRQS];            /* 0: not bound */
    uint32_t poll_port;                      /* the one port polled, 0: several */
    struct timer poll_timer;
};

int evtchn_init(struct domain *d);
/* Closes every port and returns to the 2-level ABI; afterwards no one can bind to the domain (if
 * d->dying is set). Takes page_lock; calls cond_resched. */
void evtchn_destroy(struct domain *d);
/* Frees the channels; also after evtchn_init failed. */
void evtchn_free(struct domain *d);

/* Raises a virtual interrupt, if the vCPU has bound it (global ones: pass vCPU 0). From any
 * context. */
void evtchn_raise_virq(struct vcpu *v, unsigned virq);

/* Boot-time wiring: binds d1's port p1 to d2's port p2, both of which must be free and 1 ..
 * EVTCHN_2L_NR_CHANNELS - 1. 0, -XEN_EINVAL, -XEN_EEXIST, -XEN_ENOMEM. */
int evtchn_wire(struct domain *d1, uint32_t p1, struct domain *d2, uint32_t p2);
/* Makes a port for the hypervisor's own end (console); the lowest free one. `event` is called when
 * the guest sends on it: in the sender's context, no lock held. 0 or -errno. */
int evtchn_alloc_hypervisor_port(struct domain *d, void (*event)(struct domain *d), uint32_t *port);
/* Marks the event pending at d's port from the hypervisor's end; nothing if the guest closed it. */
void evtchn_notify(struct domain *d, uint32_t port);

/* The vCPU has an event pending and does not mask upcalls. */
bool evtchn_deliverable(struct vcpu *v);
/* Whether d's port is pending; -XEN_EINVAL if there is no such port. */
int evtchn_is_pending(struct domain *d, uint32_t port);
/* Makes the vCPU look at its events: sets upcall_pending and WORK_EVENT, wakes or kicks it. */
void evtchn_mark_upcall(struct vcpu *v);
