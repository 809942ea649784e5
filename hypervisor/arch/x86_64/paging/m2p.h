/* The machine-to-physical table, which every guest can read: pfn for each mfn, as its owner set it.
 */
#pragma once

#include "lib/types.h"
#include "cpu/layout.h"

#define M2P_INVALID (~0ul)

/* The frame is below frames_max. */
static inline void m2p_set(mfn_t frame, uint64_t pfn_number)
{
    WRITE_ONCE(((uint64_t *)M2P_RW_START)[frame.n], pfn_number);
}

/* Those of an extent; with INVALID_PFN they stay as they are for free frames. */
static inline void m2p_set_extent(mfn_t first, pfn_t first_pfn, unsigned order)
{
    for (uint64_t i = 0; first_pfn.n != INVALID_PFN.n && i < 1ul << order; i++)
        m2p_set(mfn(first.n + i), first_pfn.n + i);
}
