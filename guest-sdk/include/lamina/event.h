/* Event channels: the virtual interrupts of a guest. In this order, as examples/timer does it:
 *   lm_events_init();                                    once
 *   event.port = lm_event_bind_virq(VIRQ_TIMER, 0);      or another source; check for < 0
 *   lm_event_open(&event);                               event.handle set before
 *   ... start the source; then to sleep until a handler has set `done`:
 *   lm_upcalls_mask();
 *   while (!done) {
 *       lm_block();                                      lets upcalls in, returns after one
 *       lm_upcalls_mask();
 *   }
 *   lm_upcalls_unmask(); */
#ifndef LAMINA_EVENT_H
#define LAMINA_EVENT_H

#include <stdbool.h>
#include "abi/xen.h"

/* A port with its handler. Owned by the caller; must stay where it is while it is open. `handle`
 * runs in the upcall of vCPU `vcpu`, with upcalls masked; pending is cleared before, so that an
 * event that arrives meanwhile makes it run again. */
struct lm_event {
    void (*handle)(struct lm_event *event);
    uint32_t port;
    unsigned vcpu; /* the one that the port notifies: 0, unless bound to another's VIRQ or IPI */
};

/* Masks every port, then registers this vCPU's upcall and unmasks upcalls. Call it once before the
 * first lm_event_open. One hypercall. */
void lm_events_init(void);

/* Begins to deliver the event->port that is bound already (by a function below or by static wiring)
 * to event->handle. What was pending is delivered, so no event is lost in between. No
 * hypercall, or one if it is pending. */
void lm_event_open(struct lm_event *event);

/* Closes the port, and forgets it. One hypercall. */
void lm_event_close(struct lm_event *event);

/* --- ports. Each is one hypercall, and returns the port, > 0, or -XEN_E*: -XEN_ENOSPC with no port
 * left, -XEN_ESRCH for a domain that does not exist, -XEN_EINVAL, -XEN_EEXIST if the virq is bound.
 * A new port is masked. --- */

/* A port that `remote` may bind to. */
int lm_event_alloc(uint16_t remote);
/* Binds to a port of `remote` that it allocated for us. The new port is pending at once. */
int lm_event_bind(uint16_t remote, uint32_t remote_port);
/* VIRQ_* of vCPU `vcpu`. */
int lm_event_bind_virq(unsigned virq, unsigned vcpu);
/* A port with which any vCPU of this domain rings vCPU `vcpu`. */
int lm_event_bind_ipi(unsigned vcpu);

/* Rings the other end. 0 or -XEN_EINVAL if there is none. One hypercall. Callable in upcalls. */
int lm_event_send(uint32_t port);

/* Holds back the port's events: they stay pending. No hypercall. Callable in upcalls. */
void lm_event_mask(uint32_t port);
/* Lets them in. No hypercall, or one if it is pending. Callable in upcalls. */
void lm_event_unmask(uint32_t port);

/* --- waiting without an upcall, for ports that stay masked --- */

/* Takes the pending event, if any. No hypercall. */
bool lm_event_take(uint32_t port);
/* Takes the pending event, and waits for it if there is none. One hypercall for each wait. Not for
 * upcalls. */
void lm_event_wait(uint32_t port);

#endif
