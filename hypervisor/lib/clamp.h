/* Indices that a guest chooses, made harmless for speculation. */
#pragma once

#include "lib/types.h"

/* `index` if it is below `limit`, else 0, computed without a branch that could be mispredicted.
 * Check the bound as usual, then use this for the access. */
static inline uint64_t clamp_index(uint64_t index, uint64_t limit)
{
    uint64_t mask;

    __asm__("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(index), "r"(limit) : "cc");
    return index & mask;
}
