/* Other handlers in the tables of hypercalls. At boot. */
#pragma once

#include "core/hypercall.h"

/* In that place of each version that has the call. Returns the one that was there; NULL: no version
 * has it, and nothing is changed. */
hypercall_t hypercall_replace(unsigned nr, hypercall_t by);
