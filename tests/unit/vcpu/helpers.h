#ifndef HELPERS_H
#define HELPERS_H

#include "fake.h"
#include "core/hypercall.h"

/* A domain with two vCPUs, both with VIRQ_TIMER bound; the test is vCPU 0. */
extern struct domain *d;
extern uint32_t timer_port[2];

int begin(void **state);
int end(void **state);

/* How many of the vCPU's timer events came since the last call. */
unsigned ticks(unsigned vcpu);

void yield_returns(void **state);
void block_unmasks_and_waits(void **state);
void block_returns_if_pending(void **state);
void stopped_domain_does_not_block(void **state);
void shutdown_codes(void **state);
void poll_for_one_port(void **state);
void poll_for_several_ports(void **state);
void poll_times_out(void **state);
void poll_returns_at_once(void **state);
void poll_is_ended_by_an_event(void **state);
void poll_errors(void **state);
void sched_op_errors(void **state);

#endif
