/* What pv/ keeps for each domain and vCPU. */
#ifndef PV_TYPES_H
#define PV_TYPES_H

#include "lib/types.h"
#include "abi/xen.h"

struct pv_domain {
    int unused;
};

struct pv_vcpu {
    struct regs *regs;    /* the guest's registers, at the top of the hypervisor stack */
    uint64_t stack_rsp;   /* hypervisor stack pointer while switched out */
    bool kernel_mode;     /* the guest is in its kernel (its own notion; both run in ring 3) */
};

#endif
