/* Direct writes to page tables (VMASST_TYPE_writable_pagetables): paging/'s half of the emulation.
 */
#pragma once

#include "lib/types.h"

struct vcpu;

/* The L1 entry that lies at va, in a table that the current vCPU's kernel has mapped read-only
 * there; it is the table's as long as the domain's page_lock is held, which this takes. NULL, and
 * no lock: there is none. va is 8-aligned. */
uint64_t *paging_lock_entry(struct vcpu *v, uint64_t va);
/* Changes that entry from one value to another, with all checks. 0; -XEN_EAGAIN: its value was no
 * longer `old`, as the processor set a bit; or what update_l1 refuses with. */
int paging_write_entry(struct vcpu *v, uint64_t *entry, uint64_t old, uint64_t new);
