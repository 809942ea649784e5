/* Entry from a multiboot 1 loader: 32-bit protected mode, paging off. Enters long mode, in page
 * tables that show the first 4 GiB at three places (identity, image, direct map), and calls boot_main
 * on the boot CPU's idle stack. Other CPUs come by the trampoline, with what boot_entry says then. */
#include "offsets.h"
#include "cpu/layout.h"

#define PHYS(x) ((x) - IMAGE_START)

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x00010003 /* modules page-aligned, memory map, load addresses below */

/* Enters long mode, from protected or real mode. */
        .macro LONG_MODE
        mov     $0x20, %eax             /* PAE */
        mov     %eax, %cr4
        mov     $PHYS(boot_l4), %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx       /* EFER: NXE, LME, SCE */
        xor     %edx, %edx
        mov     $0x901, %eax
        wrmsr
        mov     $0x80010033, %eax       /* PG, WP, NE, ET, MP, PE */
        mov     %eax, %cr0
        .endm

        .section .boot, "ax"
        .code32
        .balign 4
multiboot_header:
        .long MULTIBOOT_MAGIC
        .long MULTIBOOT_FLAGS
        .long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
        .long PHYS(multiboot_header)
        .long PHYS(image_start)
        .long PHYS(image_data_end)
        .long PHYS(image_end)
        .long PHYS(start32)

        .globl start32
start32:
        cli
        cld
        mov     %eax, %ebp
        mov     %ebx, %esi
        mov     $PHYS(bss_start), %edi
        mov     $PHYS(image_end), %ecx
        sub     %edi, %ecx
        xor     %eax, %eax
        rep stosb
        lgdt    PHYS(boot_gdtr)
        LONG_MODE
        ljmp    $8, $PHYS(start64)

        .code64
start64:
        mov     $16, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        movabs  $1f, %rax
        jmp     *%rax
1:      mov     boot_entry(%rip), %rax
        mov     %rax, %cr3
        mov     boot_entry + 8(%rip), %rsp
        mov     %ebp, %edi
        mov     %esi, %esi
        xor     %ebp, %ebp
        call    *boot_entry + 16(%rip)
        ud2

/* Copied to a page below 1 MiB, where a CPU that is started begins in real mode. */
        .globl boot_trampoline, boot_trampoline_end
        .code16
boot_trampoline:
        cli
        lgdtl   %cs:boot_gdtr - boot_trampoline
        LONG_MODE
        ljmpl   $8, $PHYS(start64)

        .balign 8
boot_gdt:
        .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdtr:
        .word 23
        .long PHYS(boot_gdt)
boot_trampoline_end:

        .data
        .balign 8
        .globl boot_entry
boot_entry:                             /* page tables, stack, function */
        .quad PHYS(boot_l4), idle_stack0 + 8192 - STACK_TOP_SIZE, boot_main

/* Three L4 entries to an L3 table, which is over four L2 tables of 2 MiB pages. */
        .balign 4096
boot_l4:
        .quad PHYS(boot_l3) + 3
        .org boot_l4 + 8 * L4_SLOT_IMAGE
        .quad PHYS(boot_l3) + 3, PHYS(boot_l3) + 3 /* and L4_SLOT_DIRECT */
        .balign 4096
boot_l3:
        .quad PHYS(boot_l2) + 3, PHYS(boot_l2) + 0x1003, PHYS(boot_l2) + 0x2003, PHYS(boot_l2) + 0x3003
        .balign 4096
boot_l2:
        .set    n, 0
        .rept   2048
        .quad   n * 0x200000 + 0x83
        .set    n, n + 1
        .endr

        .section .note.GNU-stack, "", @progbits
