/* Hypercall memory_op (core/memory.c): a domain's amount of memory. */
#pragma once

#include "lib/types.h"
#include "abi/guest_ptr.h"

/* The largest extent that a domain may ask for: 2 MiB. */
#define EXTENT_ORDER_MAX 9

/* XENMEM_exchange (core/exchange.c). */
long memory_exchange(guest_ptr_t arg);
