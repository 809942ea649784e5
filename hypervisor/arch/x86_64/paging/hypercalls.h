/* Hypercalls implemented in paging/. */
#ifndef PAGING_HYPERCALLS_H
#define PAGING_HYPERCALLS_H

#include "lib/types.h"
#include "abi/guest_ptr.h"

long do_mmu_update(guest_ptr_t reqs, uint32_t count, guest_ptr_t done, uint32_t foreigndom);
long do_mmuext_op(guest_ptr_t ops, uint32_t count, guest_ptr_t done, uint32_t foreigndom);
long do_update_va_mapping(uint64_t va, uint64_t val, uint64_t flags);
long do_update_va_mapping_otherdomain(uint64_t va, uint64_t val, uint64_t flags, uint16_t domid);
long do_set_gdt(guest_ptr_t frames, uint32_t entries);
long do_update_descriptor(uint64_t maddr, uint64_t descriptor);
long do_vm_assist(uint32_t cmd, uint32_t type);

#endif
