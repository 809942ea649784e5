#ifndef HELPERS_H
#define HELPERS_H

#include "fake.h"
#include "core/hypercall.h"

/* `granter` grants, `user` maps; the test is user's vCPU 0. */
extern struct domain *granter, *user;

int begin(void **state);
int end(void **state);
/* Ends a domain as core/domain.c does; the struct goes with end_struct. */
void end_of(struct domain *d);
void end_struct(struct domain **d);

/* Writes an entry as the domain's kernel would. */
void grant(struct domain *d, uint32_t ref, uint16_t flags, uint16_t to, uint64_t frame);
/* The reading and writing marks of granter's entry. */
unsigned marks(uint32_t ref);
struct grant_entry_v1 *entry(struct domain *d, uint32_t ref);

/* The fake L1 entries of user: page i of its address space is at PTE(i). */
#define PTES   64
#define PTE(i) ((uint64_t)((i) + 1) << PAGE_SHIFT)
extern uint64_t pte[PTES]; /* frames; 0: none */
/* Called once, while an L1 entry is about to be cleared. */
extern void (*race_in_unmap)(void);
extern unsigned flushes; /* calls of arch_grant_flush */

/* GNTST_*, or -errno - 1000 of the call itself. */
long map(uint16_t dom, uint32_t ref, uint32_t flags, uint64_t host_addr, uint32_t *handle);
long unmap(uint32_t handle, uint64_t host_addr, uint64_t dev_bus_addr);

void map_and_unmap(void **state);
void map_errors(void **state);
void pins_are_counted(void **state);
void granter_cannot_swap_the_frame(void **state);
void granter_changes_the_entry_while_it_is_checked(void **state);
void device_and_host_halves(void **state);
void unmap_errors(void **state);
void handles_run_out(void **state);
void as_many_handles_as_there_can_be(void **state);
void pins_run_out(void **state);
void handle_undone_twice_at_once(void **state);
void granter_ends_first(void **state);
void user_ends_with_mappings(void **state);
void many_in_one_call(void **state);
void shutdown_ends_a_long_call(void **state);
void own_grant(void **state);

void copy_between_grants(void **state);
void copy_own_frames(void **state);
void copy_bounds(void **state);
void copy_errors(void **state);
void copy_within_a_page(void **state);
void copy_from_an_ended_domain(void **state);
void copy_many(void **state);

#endif
