/* The fake architecture's part of domains and vCPUs. A vCPU is a host thread; one runs at a time.
 */
#ifndef ARCH_TYPES_H
#define ARCH_TYPES_H

#include "lib/types.h"

struct fake_thread; /* fake_cpu.c; the host's thread headers clash with core's names */

struct arch_domain {
    int unused;
};

struct arch_vcpu {
    struct fake_thread *thread;
    unsigned kicks; /* calls of arch_kick_vcpu */
};

#endif
