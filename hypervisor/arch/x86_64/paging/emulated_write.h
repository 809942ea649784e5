/* Direct writes to page tables (VMASST_TYPE_writable_pagetables): paging/'s half of the emulation.
 */
#ifndef PAGING_EMULATED_WRITE_H
#define PAGING_EMULATED_WRITE_H

#include "lib/types.h"

struct vcpu;

/* The value of the L1 entry that lies at va, in a table that the current vCPU's kernel has mapped
 * read-only there. va is 8-aligned. False: there is none. */
bool paging_read_entry(struct vcpu *v, uint64_t va, uint64_t *value);

enum entry_write {
    ENTRY_WRITTEN,
    ENTRY_CHANGED, /* its value was no longer `old` (a bit set by the processor, another vCPU) */
    ENTRY_REFUSED,
};
/* Changes that entry from one value to another, with all checks. */
enum entry_write paging_write_entry(struct vcpu *v, uint64_t va, uint64_t old, uint64_t new);

#endif
