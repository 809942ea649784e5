/* Entry of the guest, its stack, the page that the hypervisor fills with hypercall stubs, and the
 * ELF notes by which the domain builder knows all that. */
#include "abi/xen.h"
#include <lamina/layout.h>

    .section .text.hypercall_page, "ax", @progbits
    .globl hypercall_page
    .balign 4096
hypercall_page:
    .skip 4096

    .text
    /* In: %rsi is the virtual address of start_info; interrupts (upcalls) are masked. */
    .globl _start
    .type _start, @function
_start:
    cld
    leaq lm_boot_stack + LM_STACK_SIZE(%rip), %rsp
    xorl %ebp, %ebp /* ends backtraces */
    movq %rsi, %rdi
    call lm_start
    ud2
    .size _start, . - _start

    .section .bss.page_aligned, "aw", @nobits
    .globl lm_boot_stack, lm_shared_info_page
    .balign 4096
lm_boot_stack:
    .skip LM_STACK_SIZE
lm_shared_info_page: /* a place in the address space; its mapping is replaced at start */
    .skip 4096

    .macro note owner, type, desc:vararg
    .pushsection .note.\owner, "a", @note
    .balign 4
    .long 2f - 1f, 4f - 3f, \type
1:  .asciz "\owner"
2:  .balign 4
3:  \desc
4:  .balign 4
    .popsection
    .endm

    note Xen, XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
    note Xen, XEN_ELFNOTE_LOADER, .asciz "generic"
    note Xen, XEN_ELFNOTE_GUEST_OS, .asciz "Lamina SDK"
    note Xen, XEN_ELFNOTE_PAE_MODE, .asciz "yes"
    note Xen, XEN_ELFNOTE_VIRT_BASE, .quad LM_VIRT_BASE
    note Xen, XEN_ELFNOTE_PADDR_OFFSET, .quad 0
    note Xen, XEN_ELFNOTE_ENTRY, .quad _start
    note Xen, XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
    note Xen, XEN_ELFNOTE_SUPPORTED_FEATURES, .long 1 << XENFEAT_dom0
    note Lamina, LAMINA_ELFNOTE_ABI_VERSION, .long LAMINA_ABI_VERSION

    .section .note.GNU-stack, "", @progbits
