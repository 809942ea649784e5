/* Hypercall memory_op: a domain's amount of memory. */
#ifndef CORE_MEMORY_H
#define CORE_MEMORY_H

#include "lib/types.h"
#include "abi/guest_ptr.h"

long do_memory_op(uint64_t cmd, guest_ptr_t arg);

#endif
