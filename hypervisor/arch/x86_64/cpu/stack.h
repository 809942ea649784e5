/* The top of every hypervisor stack: found from the stack pointer alone, so that guests keep FS and
 * GS. struct regs lies right below it. */
#pragma once

#include "lib/types.h"

struct vcpu;
struct cpu;

#define STACK_SIZE 8192 /* a vCPU's hypervisor stack; aligned to its size */

struct stack_top {
    struct vcpu *vcpu;
    struct cpu *cpu;
    uint64_t guest_limit; /* pv/guest_access.h */
    uint64_t pad;         /* the processor aligns stacks to 16 bytes */
};

/* Known to the compiler, which looks at it once in a function. */
#ifdef CPPCHECK /* it cannot read the other, and then misreads the rest */
extern uint64_t stack_pointer;
#else
register uint64_t stack_pointer __asm__("rsp");
#endif

static inline struct stack_top *stack_top(void)
{
    return (struct stack_top *)((stack_pointer | (STACK_SIZE - 1)) + 1 - sizeof(struct stack_top));
}
