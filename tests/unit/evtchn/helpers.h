#ifndef HELPERS_H
#define HELPERS_H

#include "fake.h"
#include "core/hypercall.h"

/* Two domains with two vCPUs each; the test is a's vCPU 0. */
extern struct domain *a, *b;

int begin(void **state);
int end(void **state);

/* The operations as the current vCPU's guest would call them: 0 or -errno. */
long alloc_unbound(uint16_t dom, uint16_t remote, uint32_t *port);
long bind_interdomain(uint16_t remote, uint32_t remote_port, uint32_t *port);
long bind_virq(uint32_t virq, uint32_t vcpu, uint32_t *port);
long bind_ipi(uint32_t vcpu, uint32_t *port);
long bind_vcpu(uint32_t port, uint32_t vcpu);
long close_port(uint32_t port);
long send(uint32_t port);
long unmask(uint32_t port);
long reset(uint16_t dom);
/* EVTCHNSTAT_* or -errno. */
long status(uint32_t port, struct evtchn_status *s);

/* Connects a new port of each. */
void connect_domains(uint32_t *port_a, uint32_t *port_b);
bool is_pending(struct domain *d, uint32_t port);
void set_mask(struct domain *d, uint32_t port, bool masked);
/* The guest has seen all its events. */
void clear_events(struct domain *d);

void sending_marks_the_other_end(void **state);
void masked_ports_notify_later(void **state);
void second_send_notifies_once(void **state);
void hostile_bits_hurt_nobody_else(void **state);
void mask_changes_while_sending(void **state);
void sleeping_vcpu_is_woken(void **state);
void running_vcpu_is_kicked(void **state);
void ipi_and_virq_reach_their_vcpu(void **state);
void hypervisor_port_rings_both_ways(void **state);
void what_cannot_be_sent_on(void **state);
void unmask_errors(void **state);

/* The FIFO ABI. */
void before_the_change(void **state);
void init_control_errors(void **state);
void expand_array_errors(void **state);
void pending_carries_over(void **state);
void held_until_there_is_a_word(void **state);
void states_of_a_word(void **state);
void unmask_queues_what_is_pending(void **state);
void queue_is_a_chain(void **state);
void priorities_have_queues(void **state);
void priority_changes_while_queued(void **state);
void vcpu_changes_while_queued(void **state);
void set_priority_errors(void **state);
void fifo_poll_and_status(void **state);
void linked_ports_are_not_free(void **state);
void all_fifo_ports(void **state);
void fifo_reset(void **state);
void fifo_domain_ends(void **state);
void no_control_block(void **state);
void links_are_not_followed(void **state);
void hostile_writers(void **state);
void late_senders(void **state);
void new_use_gets_no_old_events(void **state);
void asking_about_others(void **state);

#endif
