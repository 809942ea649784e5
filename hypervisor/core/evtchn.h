/* Event channels (2-level ABI). */
#ifndef CORE_EVTCHN_H
#define CORE_EVTCHN_H

#include "lib/types.h"
#include "lib/spinlock.h"

struct domain;
struct vcpu;
struct evtchn;

struct evtchn_domain {
    struct spinlock lock; /* guards binding; sending takes none */
    struct evtchn *bucket[1]; /* to be laid out by core/evtchn.c's author */
};

struct evtchn_vcpu {
    uint32_t virq_port[24];
};

int evtchn_init(struct domain *d);
/* Closes every port; afterwards no one can bind to the domain. */
void evtchn_destroy(struct domain *d);
/* Raises a virtual interrupt, if the vCPU has bound it. From any context. */
void evtchn_raise_virq(struct vcpu *v, unsigned virq);
/* Boot-time wiring: binds d1's port p1 to d2's port p2, both of which must be free. 0 or -errno. */
int evtchn_wire(struct domain *d1, uint32_t p1, struct domain *d2, uint32_t p2);
/* Makes an unbound port for the hypervisor's own end (console); the lowest free one. */
int evtchn_alloc_hypervisor_port(struct domain *d, uint32_t *port);
/* Marks the event pending at d's port from the hypervisor's end. */
void evtchn_notify(struct domain *d, uint32_t port);
/* The vCPU has an event pending and does not mask upcalls. */
bool evtchn_deliverable(struct vcpu *v);

#endif
