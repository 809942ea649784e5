/* event_channel_op: one-bit notifications between domains, vCPUs and the hypervisor. A port is a
 * domain's own number for its end of a channel; port 0 never exists. */
#ifndef ABI_EVENT_CHANNEL_H
#define ABI_EVENT_CHANNEL_H

#define EVTCHNOP_bind_interdomain 0
#define EVTCHNOP_bind_virq        1
#define EVTCHNOP_bind_pirq        2
#define EVTCHNOP_close            3
#define EVTCHNOP_send             4
#define EVTCHNOP_status           5
#define EVTCHNOP_alloc_unbound    6
#define EVTCHNOP_bind_ipi         7
#define EVTCHNOP_bind_vcpu        8
#define EVTCHNOP_unmask           9
#define EVTCHNOP_reset            10
#define EVTCHNOP_init_control     11
#define EVTCHNOP_expand_array     12
#define EVTCHNOP_set_priority     13

/* evtchn_status.status */
#define EVTCHNSTAT_closed      0
#define EVTCHNSTAT_unbound     1 /* waits for a remote domain to bind */
#define EVTCHNSTAT_interdomain 2
#define EVTCHNSTAT_pirq        3
#define EVTCHNSTAT_virq        4
#define EVTCHNSTAT_ipi         5

#define BIND_PIRQ__WILL_SHARE 1

/* Ports of a domain in the 2-level ABI: the bits of shared_info.evtchn_pending. */
#define EVTCHN_2L_NR_CHANNELS 4096

/* FIFO ABI: a queue for each priority, 0 the most urgent, and a 32-bit word for each port. */
#define EVTCHN_FIFO_PRIORITY_MAX     0
#define EVTCHN_FIFO_PRIORITY_DEFAULT 7
#define EVTCHN_FIFO_PRIORITY_MIN     15
#define EVTCHN_FIFO_MAX_QUEUES       (EVTCHN_FIFO_PRIORITY_MIN + 1)

/* Bits of an event word; the low ones hold the next port of the queue. */
#define EVTCHN_FIFO_PENDING   31
#define EVTCHN_FIFO_MASKED    30
#define EVTCHN_FIFO_LINKED    29
#define EVTCHN_FIFO_BUSY      28
#define EVTCHN_FIFO_LINK_BITS 17
#define EVTCHN_FIFO_LINK_MASK ((1 << EVTCHN_FIFO_LINK_BITS) - 1)

#define EVTCHN_FIFO_NR_CHANNELS (1 << EVTCHN_FIFO_LINK_BITS)

#ifndef __ASSEMBLER__

#include <stdint.h>

/* EVTCHNOP_alloc_unbound: a port that remote_dom may bind to. */
struct evtchn_alloc_unbound {
    uint16_t dom, remote_dom; /* in; either may be DOMID_SELF */
    uint32_t port;            /* out */
};

/* EVTCHNOP_bind_interdomain */
struct evtchn_bind_interdomain {
    uint16_t remote_dom;  /* in; may be DOMID_SELF */
    uint32_t remote_port; /* in; unbound, and reserved for the caller */
    uint32_t local_port;  /* out; already pending, so that no event is missed */
};

/* EVTCHNOP_bind_virq */
struct evtchn_bind_virq {
    uint32_t virq; /* in: VIRQ_* */
    uint32_t vcpu; /* in; 0 for a global one */
    uint32_t port; /* out */
};

/* EVTCHNOP_bind_pirq */
struct evtchn_bind_pirq {
    uint32_t pirq;
    uint32_t flags; /* BIND_PIRQ__WILL_SHARE */
    uint32_t port;  /* out */
};

/* EVTCHNOP_bind_ipi: sending on the port notifies that vCPU. */
struct evtchn_bind_ipi {
    uint32_t vcpu; /* in */
    uint32_t port; /* out */
};

/* EVTCHNOP_close */
struct evtchn_close {
    uint32_t port;
};

/* EVTCHNOP_send */
struct evtchn_send {
    uint32_t port; /* the caller's own end */
};

/* EVTCHNOP_status */
struct evtchn_status {
    uint16_t dom;    /* in; DOMID_SELF, or another domain with privilege */
    uint32_t port;   /* in */
    uint32_t status; /* out: EVTCHNSTAT_*, which also selects the member of u */
    uint32_t vcpu;   /* out: the vCPU that the port notifies */
    union {
        struct {
            uint16_t dom; /* who may bind to it */
        } unbound;
        struct {
            uint16_t dom;
            uint32_t port; /* of the other end */
        } interdomain;
        uint32_t pirq;
        uint32_t virq;
    } u;
};

/* EVTCHNOP_bind_vcpu: moves a port to another vCPU. */
struct evtchn_bind_vcpu {
    uint32_t port;
    uint32_t vcpu;
};

/* EVTCHNOP_unmask: clears the mask bit, and makes the upcall if the event was pending. */
struct evtchn_unmask {
    uint32_t port;
};

/* EVTCHNOP_reset: closes every port. */
struct evtchn_reset {
    uint16_t dom; /* DOMID_SELF, or another domain with privilege */
};

/* EVTCHNOP_init_control: switches to the FIFO ABI. */
struct evtchn_init_control {
    uint64_t control_gfn; /* in: mfn of the page with this vCPU's control block */
    uint32_t offset;      /* in: of the block in the page; 8-aligned */
    uint32_t vcpu;        /* in */
    uint8_t link_bits;    /* out: EVTCHN_FIFO_LINK_BITS */
    uint8_t _pad[7];
};

/* EVTCHNOP_expand_array: adds a page of 1024 event words. */
struct evtchn_expand_array {
    uint64_t array_gfn; /* mfn */
};

/* EVTCHNOP_set_priority */
struct evtchn_set_priority {
    uint32_t port;
    uint32_t priority; /* EVTCHN_FIFO_PRIORITY_MAX to _MIN */
};

struct evtchn_fifo_control_block {
    uint32_t ready; /* bit n: queue n is not empty */
    uint32_t _rsvd;
    uint32_t head[EVTCHN_FIFO_MAX_QUEUES]; /* first port of each queue */
};

#endif /* __ASSEMBLER__ */

#endif
