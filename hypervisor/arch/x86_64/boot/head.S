/* Entry from a multiboot 1 loader: 32-bit protected mode, paging off. Builds page tables that show
 * the first 4 GiB at three places (identity, image, direct map), enters long mode and calls boot_main
 * on the boot CPU's idle stack. Other CPUs come by the trampoline, with what boot_entry says then. */
#include "offsets.h"
#include "cpu/layout.h"

#define PHYS(x) ((x) - IMAGE_START)

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x00010003 /* modules page-aligned, memory map, load addresses below */

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

        /* Four L2 tables of 2 MiB pages, one L3 over them, three L4 entries to that L3. */
        mov     $PHYS(boot_l2), %edi
        mov     $0x83, %eax
        mov     $2048, %ecx
1:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    1b
        mov     $PHYS(boot_l3), %edi
        mov     $PHYS(boot_l2) + 3, %eax
        mov     $4, %ecx
2:      mov     %eax, (%edi)
        add     $0x1000, %eax
        add     $8, %edi
        loop    2b
        mov     $PHYS(boot_l3) + 3, %eax
        mov     %eax, PHYS(boot_l4)
        mov     %eax, PHYS(boot_l4) + 8 * L4_SLOT_IMAGE
        mov     %eax, PHYS(boot_l4) + 8 * L4_SLOT_DIRECT

        mov     $0x20, %eax             /* PAE */
        mov     %eax, %cr4
        mov     $PHYS(boot_l4), %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx       /* EFER: NXE, LME, SCE */
        rdmsr
        or      $0x901, %eax
        wrmsr
        mov     $0x80010033, %eax       /* PG, WP, NE, ET, MP, PE */
        mov     %eax, %cr0
        lgdt    PHYS(boot_gdtr)
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
        mov     $0x20, %eax             /* PAE */
        mov     %eax, %cr4
        mov     $PHYS(boot_l4), %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx       /* EFER: NXE, LME, SCE */
        xor     %edx, %edx
        mov     $0x901, %eax
        wrmsr
        lgdtl   %cs:boot_gdtr - boot_trampoline
        mov     $0x80010033, %eax       /* PG, WP, NE, ET, MP, PE: long mode at once */
        mov     %eax, %cr0
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

        .bss
        .balign 4096
        .globl boot_l4, boot_l3, boot_l2
boot_l4: .skip 4096
boot_l3: .skip 4096
boot_l2: .skip 4 * 4096

        .section .note.GNU-stack, "", @progbits
