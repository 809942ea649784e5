/* Between event.c and event_fifo.c. */
#ifndef EVENT_FIFO_H
#define EVENT_FIFO_H

#include <lamina/guest.h>

/* Runs the port's handler if it is pending; masks the port if it has none. */
void lm_event_deliver(uint32_t port);

/* The port's event word; NULL without the FIFO ABI, or before lm_event_add_ports. */
uint32_t *lm_fifo_word(uint32_t port);
/* Where the handler of one from port 4096 on is; NULL before lm_event_add_ports. */
struct lm_event **lm_fifo_handler(uint32_t port);
/* Clears the mask; whether it was pending, so that the hypervisor has to queue it. */
bool lm_fifo_unmask(uint32_t *word);
/* Delivers what is in the vCPU's queues; false: the 2-level ABI is in use. */
bool lm_fifo_deliver(unsigned vcpu);

#endif
