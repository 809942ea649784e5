/* As in hypervisor/arch/x86_64, without pv/. */
#ifndef ARCH_TYPES_H
#define ARCH_TYPES_H

#include "paging/types.h"
#include "paging/frame.h"

struct arch_domain {
    struct paging_domain paging;
};

struct arch_vcpu {
    struct paging_vcpu paging;
};

#endif
