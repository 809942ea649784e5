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
#include "abi/event_channel.h"
#include "abi/xen.h"

/* A port with its handler. Owned by the caller; must stay where it is while it is open. `handle`
 * runs in the upcall of vCPU `vcpu`, with upcalls masked; pending is cleared before, so that an
 * event that arrives meanwhile makes it run again. */
struct lm_event {
    void (*handle)(struct lm_event *event);
    uint32_t port;
    unsigned vcpu; /* the one that the port notifies: 0, unless bound to another's VIRQ or IPI, or
                      moved by EVTCHNOP_bind_vcpu */
};

/* Masks every port, then registers this vCPU's upcall and unmasks upcalls. Call it once, on vCPU 0,
 * before the first lm_event_open; those that lm_vcpu_start starts have the upcall. One hypercall.
 */
void lm_events_init(void);

/* Begins to deliver the event->port that is bound already (by a function below or by static wiring)
 * to event->handle. What was pending is delivered, so no event is lost in between. No
 * hypercall, or one if it is pending. */
void lm_event_open(struct lm_event *event);

/* Closes the port, and forgets it. On another vCPU than event->vcpu its handler may just then be
 * running. One hypercall. */
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

/* Rings the other end; nothing if the peer has closed it, or not bound to it yet. 0, or
 * -XEN_EINVAL: no such port, or one of a VIRQ. One hypercall. Callable in upcalls. */
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

/* --- the FIFO ABI: up to 131071 ports instead of 4095, events in the order in which they came, and
 * more urgent ones first. Ports, handlers, masks and what is pending carry over:
 *   for each vCPU that gets events:    lm_event_use_fifo(vcpu, block);      128 bytes of its own
 *   for each 1024 ports in use:        lm_event_add_ports(words, handlers); a page and 8 KiB
 * There is no way back but EVTCHNOP_reset, which closes every port. --- */

/* Gives vCPU `vcpu` (0 .. 31) its control block: 8-aligned, zeroed, within one page of the linear
 * mapping, ours to write for good. The first call changes to the FIFO ABI, in which a vCPU without
 * a block gets no events. 0, or -XEN_ENOENT: no such vCPU, -XEN_EINVAL: it has one. One hypercall.
 */
int lm_event_use_fifo(unsigned vcpu, struct evtchn_fifo_control_block *block);
/* Adds the event words of the next 1024 ports: a zeroed page of the linear mapping, ours to write
 * for good. `handlers` has room for 1024 pointers, zeroed; NULL for the first 4096 ports, whose
 * handlers are kept here. A port may be bound before, but opened and polled only after. 0, or
 * -XEN_EOPNOTSUPP: before lm_event_use_fifo, -XEN_ENOSPC: all are there. One hypercall. */
int lm_event_add_ports(uint32_t *words, struct lm_event **handlers);
/* 0, the most urgent, to 15; a new port has 7. An event that is queued already stays where it is.
 * 0, or -XEN_EACCES: the port is closed, -XEN_ENOSYS: without the FIFO ABI. One hypercall. */
int lm_event_set_priority(uint32_t port, unsigned priority);

#endif
