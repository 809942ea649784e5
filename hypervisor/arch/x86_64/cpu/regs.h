/* A guest's registers at entry to the hypervisor, as the entry code saves them at the top of the
 * vCPU's hypervisor stack. Offsets are known to cpu/entry.S (cpu/offsets.c). */
#pragma once

#include "lib/types.h"

struct regs {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    uint64_t r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint32_t error_code;
    uint32_t vector; /* of exception or interrupt; VECTOR_SYSCALL: return by SYSRET is possible */
    uint64_t rip, cs, rflags, rsp, ss;
};
