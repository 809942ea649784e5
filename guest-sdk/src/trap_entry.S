/* Where the hypervisor enters the guest's kernel, and the way back. It pushes a processor's exception
 * frame, and below it r11 and rcx, whose registers SYSCALL needs itself. */
#include "abi/xen.h"

    /* 16 bytes each, so that C finds number n at lm_trap_entries + 16 * n. */
    .macro entry vector, has_error=0
    .balign 16
    popq %rcx
    popq %r11
    .if !\has_error
    pushq $0
    .endif
    pushq $\vector
    jmp common
    .endm

    .text
    .globl lm_trap_entries, lm_entry_int80, lm_entry_syscall, lm_entry_upcall
    .balign 16
lm_trap_entries:
    .set vector, 0
    .rept 32
    .if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
    entry vector, 1
    .else
    entry vector
    .endif
    .set vector, vector + 1
    .endr
    .balign 16
lm_entry_int80:
    entry 0x80
    .balign 16
lm_entry_syscall:
    entry 0x100
    .balign 16
lm_entry_upcall:
    entry 0x101

common: /* pushes the rest of struct lm_trap_frame */
    cld
    pushq $0
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    movq %rsp, %rbx
    andq $-16, %rsp
    call lm_trap_dispatch
    movq %rbx, %rsp
    testb %al, %al
restore: /* the flags of that test survive until jnz */
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    leaq 24(%rsp), %rsp
    jnz 1f
    orb $3, 8(%rsp) /* the frame says ring 0 where the kernel was interrupted; it runs in ring 3 */
    iretq
1:  pushq $0 /* flags of struct iret_context; the stub pushes the rest */
    jmp hypercall_page + __HYPERVISOR_iret * 32

    /* In: %rdi, a struct lm_trap_frame on the current stack. */
    .globl lm_restore
    .type lm_restore, @function
lm_restore:
    movq %rdi, %rsp
    orb $1, %al
    jmp restore
    .size lm_restore, . - lm_restore

    .section .note.GNU-stack, "", @progbits
