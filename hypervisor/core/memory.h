/* Hypercall memory_op: a domain's amount of memory. */
#pragma once

#include "lib/types.h"
#include "abi/guest_ptr.h"

long do_memory_op(uint64_t cmd, guest_ptr_t arg);
