/* What paging/ keeps for each domain and vCPU. */
#ifndef PAGING_TYPES_H
#define PAGING_TYPES_H

#include "lib/types.h"

struct paging_domain {
    uint64_t tlb_cpus; /* host CPUs that may hold translations of this domain */
};

struct paging_vcpu {
    mfn_t kernel_l4; /* typed and referenced; INVALID_MFN before the builder sets it */
    mfn_t user_l4;   /* the same; INVALID_MFN: none */
};

#endif
