/* Exceptions, and system calls from user mode. */
#ifndef LAMINA_TRAP_H
#define LAMINA_TRAP_H

#include <stdint.h>

/* The interrupted context; what a handler changes is what is returned to. */
struct lm_trap_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t fault_address; /* page faults only */
    uint64_t vector;        /* 0-31, 0x80, or one of LM_TRAP_* */
    uint64_t error_code;    /* 0 for vectors without one */
    uint64_t rip;
    uint16_t cs; /* low two bits: 0 from kernel mode, 3 from user mode */
    uint16_t pad1;
    uint8_t upcall_mask; /* evtchn_upcall_mask when the exception happened */
    uint8_t pad2[3];
    uint64_t rflags; /* IF is the inverse of upcall_mask, and is what is restored */
    uint64_t rsp;
    uint64_t ss;
};

#define LM_RFLAGS_IF 0x200

/* Vectors beyond the processor's. */
#define LM_TRAP_SYSCALL 0x100 /* the syscall instruction, from user mode */
#define LM_TRAP_UPCALL  0x101 /* events are pending */

typedef void lm_trap_handler_fn(struct lm_trap_frame *frame);

/* Registers the library's entry points for exceptions 0-31, without which the hypervisor ends the
 * domain at its first exception. The start code has called it when main() begins. One hypercall. */
void lm_traps_init(void);

/* The same as a table, for a vCPU that is about to be started (lm_vcpu_start does it): LM_TRAPS
 * entries, the rest of them empty. No hypercall. */
#define LM_TRAPS 32
void lm_traps_fill(struct trap_info *traps);

/* Calls `handler` for this vector from now on; NULL brings back the default, which panics and shows
 * the registers. Runs with upcalls masked or not as they were in the interrupted code, and on its
 * stack, or, from user mode, on the one given to hypercall_stack_switch. Returns the handler
 * before, to be called from the new one or put back. No hypercall. */
lm_trap_handler_fn *lm_trap_handle(unsigned vector, lm_trap_handler_fn *handler);

/* Lets `int $0x80` in, from user mode too, as vector 0x80. One hypercall. */
void lm_trap_allow_int80(void);

/* Lets the syscall instruction of user mode in, as LM_TRAP_SYSCALL. One hypercall. */
void lm_trap_allow_syscall(void);

/* Leaves the current context for the given one: user mode if (cs & 3) == 3, upcalls masked if IF is
 * clear. One hypercall. */
void lm_return_to(const struct lm_trap_frame *frame) __attribute__((noreturn));

#endif
