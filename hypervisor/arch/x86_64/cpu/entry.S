/* The ways into the hypervisor and back to the guest. Interrupts are off from the first instruction
 * to the last, except where C code opens a window. Every vCPU has its own stack: at its top lie
 * struct stack_top and, below that, the guest's struct regs, which this code fills. */
#include "offsets.h"
#include "cpu/fixup.h"
#include "cpu/vectors.h"

#define ENOSYS 38

        .macro PUSH_EACH registers:vararg
        .irp    register, \registers
        push    %\register
        .endr
        .endm

        .macro POP_EACH registers:vararg
        .irp    register, \registers
        pop     %\register
        .endr
        .endm

/* The registers that functions of C preserve: those that struct regs begins with. */
        .macro PUSH_PRESERVED
        PUSH_EACH rbx, rbp, r12, r13, r14, r15
        .endm

        .macro POP_PRESERVED
        POP_EACH r15, r14, r13, r12, rbp, rbx
        .endm

        .macro SAVE_REGISTERS
        PUSH_EACH rdi, rsi, rdx, rcx, rax, r8, r9, r10, r11
        PUSH_PRESERVED
        .endm

        .macro RESTORE_REGISTERS
        POP_PRESERVED
        POP_EACH r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
        .endm

        .text

/* SYSCALL does not switch stacks: one landing place for each CPU, which knows that CPU's data. */
        .macro LANDING name, entry
        .globl \name
        .balign 32
\name:
        .set    n, 0
        .rept   64
        .balign 32
        mov     %rsp, cpus + n * CPU_SIZE + CPU_scratch(%rip)
        mov     cpus + n * CPU_SIZE + CPU_rsp0(%rip), %rsp
        push    $SEL_USER_SS
        push    cpus + n * CPU_SIZE + CPU_scratch(%rip)
        jmp     \entry
        .set    n, n + 1
        .endr
        .endm

        LANDING syscall_landing, syscall_entry
        LANDING syscall32_landing, syscall32_entry /* from a 32-bit code segment (AMD) */

        .balign 16
syscall32_entry:
        push    %r11
        push    $SEL_USER_CS32
        push    %rcx
        push    $VECTOR_UD
        SAVE_REGISTERS
        mov     REGS_SIZE(%rsp), %rbx
        mov     %rsp, %rdi
        call    bounce_syscall32
        jmp     exit_to_guest

        .balign 16
syscall_entry:
        push    %r11
        push    $SEL_USER_CS
        push    %rcx
        push    $-1                     /* VECTOR_SYSCALL, no error code */
        SAVE_REGISTERS
        mov     REGS_SIZE(%rsp), %rbx   /* stack_top.vcpu */
        cmpb    $0, VCPU_kernel_mode(%rbx)
        je      syscall_from_user
        mov     VCPU_domain(%rbx), %r11
        mov     %r10, %rcx
        cmp     $NR_HYPERCALLS_, %rax
        sbb     %r10, %r10              /* all ones if in range: also under wrong speculation */
        jae     2f
        and     %r10, %rax
        mov     DOMAIN_abi(%r11), %r11
        mov     (%r11, %rax, 8), %r11
        call    call_thunk_r11
1:      mov     %rax, REGS_rax(%rsp)

/* The way out: rbx is the vCPU, rsp points at its struct regs. */
        .globl exit_to_guest
exit_to_guest:
        cmpl    $0, VCPU_work(%rbx)
        jne     3f
        mov     VCPU_info(%rbx), %rax
        movzwl  (%rax), %eax            /* upcall pending, upcall mask */
        test    %al, %al
        jnz     4f
5:      cmpl    $-1, REGS_vector(%rsp)
        jne     6f
        mov     REGS_rip(%rsp), %rcx
        mov     %rcx, %rax
        shl     $16, %rax               /* SYSRET to an address that is not canonical would fault */
        sar     $16, %rax               /* in ring 0 on the guest's stack */
        cmp     %rcx, %rax
        jne     6f
        mov     REGS_rflags(%rsp), %r11
        POP_PRESERVED
        add     $8, %rsp
        POP_EACH r10, r9, r8, rax
        add     $8, %rsp
        POP_EACH rdx, rsi, rdi
        mov     4 * 8(%rsp), %rsp
        sysretq

2:      mov     $-ENOSYS, %rax
        jmp     1b

3:      call    guest_work
        jmp     exit_to_guest

4:      test    %ah, %ah
        jnz     5b
        mov     %rsp, %rdi
        call    deliver_upcall
        jmp     exit_to_guest

6:      RESTORE_REGISTERS
        add     $8, %rsp
        .globl guest_iret
guest_iret:
        iretq
        FIXUP guest_iret, guest_iret_failed

/* The guest's frame is bad (selector, stack segment, rip). We are back in ring 0 on the same stack,
 * with the guest's registers loaded: the frame is intact below stack_top. */
guest_iret_failed:
        push    $0
        movl    $VECTOR_BAD_IRET, 4(%rsp)
        SAVE_REGISTERS
        mov     REGS_SIZE(%rsp), %rbx
        mov     %rsp, %rdi
        call    bad_iret_frame
        jmp     exit_to_guest

/* The same place, with a frame that is good now: waiting for that let others in, so there may be
 * something to do before the guest runs. */
        .globl  guest_iret_again
guest_iret_again:
        push    $0
        movl    $VECTOR_BP, 4(%rsp)
        SAVE_REGISTERS
        mov     REGS_SIZE(%rsp), %rbx
        jmp     exit_to_guest

syscall_from_user:
        mov     %rsp, %rdi
        call    bounce_syscall
        jmp     exit_to_guest

/* Jumps to r11. The processor predicts that the ret goes back to the loop, and speculates there. */
        .balign 16
call_thunk_r11:
        call    9f
8:      pause
        lfence
        jmp     8b
9:      mov     %r11, (%rsp)
        ret

/* A new vCPU's first switch comes here, on its stack, with its registers at the top. */
        .globl vcpu_first_run
vcpu_first_run:
        call    sched_resumed
        mov     REGS_SIZE(%rsp), %rbx
        jmp     exit_to_guest

/* Exceptions and interrupts: one landing place for each vector. Where the processor pushes no error
 * code, a 0 takes its place. */
        .globl vector_landing
        .balign 32
vector_landing:
        .set    i, 0
        .rept   256
        .balign 32
        .if     !(i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21 || i == 29 || i == 30)
        push    $0
        .endif
        movl    $i, 4(%rsp)
        .if     i == 2 || i == 8 || i == 18
        jmp     own_stack_common
        .else
        jmp     vector_common
        .endif
        .set    i, i + 1
        .endr

        .balign 16
vector_common:
        cld
        SAVE_REGISTERS
        testb   $3, REGS_cs(%rsp)
        jz      7f
10:     mov     REGS_SIZE(%rsp), %rbx
        mov     %rbx, %rdi
        mov     %rsp, %rsi
        call    trap_from_guest
        jmp     exit_to_guest
7:      testl   $RFLAGS_VM_, REGS_rflags(%rsp)
        jnz     10b                     /* no ring 0 selector, but a guest in virtual-8086 mode */
        mov     %rsp, %rdi
        mov     %rsp, %rbp
        and     $-16, %rsp
        call    trap_from_hypervisor
        mov     %rbp, %rsp
        RESTORE_REGISTERS
        add     $8, %rsp
        iretq

/* NMI, double fault and machine check come at any time, also on a stack pointer that is the guest's:
 * they have stacks of their own, touch no vCPU state and go back to just where they came from. */
own_stack_common:
        cld
        SAVE_REGISTERS
        mov     %rsp, %rdi
        call    trap_on_own_stack
        RESTORE_REGISTERS
        add     $8, %rsp
        iretq

/* void switch_stacks(uint64_t *save_rsp, uint64_t load_rsp) */
        .globl switch_stacks
switch_stacks:
        PUSH_PRESERVED
        mov     %rsp, (%rdi)
        mov     %rsi, %rsp
        POP_PRESERVED
        ret

        .section .note.GNU-stack, "", @progbits
