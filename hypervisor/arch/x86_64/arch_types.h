/* The parts of struct domain and struct vcpu that this architecture adds. */
#pragma once

#include "paging/types.h"
#include "paging/frame.h"
#include "pv/types.h"
#include "pv/guest_access.h"
#include "cpu/stack.h"

struct arch_domain {
    struct paging_domain paging;
};

struct arch_vcpu {
    struct paging_vcpu paging;
    struct pv_vcpu pv;
};

/* Of core/arch.h, inline because every hypercall asks for it several times. */
static inline struct vcpu *arch_current(void)
{
    return stack_top()->vcpu;
}
