/* The shortest handlers that do their work: what is left is the price of the way in and out. */
#include "abi/xen.h"

#define PENDING    lm_shared_info_page
#define MASK       lm_shared_info_page + 1
#define SELECTOR   lm_shared_info_page + 8
#define FIRST_WORD lm_shared_info_page + 0x800 /* evtchn_pending[0] */

    .text
    .globl bench_upcall_iret, bench_upcall_iretq, bench_ud2, bench_page_fault, bench_syscall

bench_upcall_iret:
    movb $0, PENDING
    movq $0, SELECTOR
    movq $0, FIRST_WORD
    popq %rcx
    popq %r11
    pushq $0
    jmp hypercall_page + __HYPERVISOR_iret * 32

bench_upcall_iretq:
    movb $0, PENDING
    movq $0, SELECTOR
    movq $0, FIRST_WORD
    popq %rcx
    popq %r11
    orb $3, 8(%rsp)
    movb $0, MASK
    iretq

bench_ud2:
    popq %rcx
    popq %r11
    addq $2, (%rsp)
    pushq $0
    jmp hypercall_page + __HYPERVISOR_iret * 32

bench_page_fault: /* goes on at %rax */
    popq %rcx
    popq %r11
    addq $8, %rsp
    movq %rax, (%rsp)
    pushq $0
    jmp hypercall_page + __HYPERVISOR_iret * 32

bench_syscall:
    popq %rcx
    popq %r11
    pushq $0
    jmp hypercall_page + __HYPERVISOR_iret * 32

    /* A process: as many system calls as %rbx says, then int3. */
    .section .rodata
    .globl bench_user, bench_user_end
bench_user:
    syscall
    decl %ebx
    jnz bench_user
    int3
bench_user_end:

    .section .note.GNU-stack, "", @progbits
