/* The top of every hypervisor stack: found from the stack pointer alone, so that guests keep FS and
 * GS. struct regs lies right below it. */
#ifndef CPU_STACK_H
#define CPU_STACK_H

#include "lib/types.h"

struct vcpu;
struct cpu;

#define STACK_SIZE 8192 /* a vCPU's hypervisor stack; aligned to its size */

struct stack_top {
    struct vcpu *vcpu;
    struct cpu *cpu;
};

static inline struct stack_top *stack_top(void)
{
    uint64_t sp;

    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct stack_top *)((sp | (STACK_SIZE - 1)) + 1 - sizeof(struct stack_top));
}

#endif
