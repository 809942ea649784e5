/* A multiboot kernel of a few instructions: the machine that the tool's tests run instead of the
 * hypervisor. The last character of its command line says what it does:
 *   0..9  ends with that status          e  echoes lines until one starts with q, then ends with 0
 *   h     prints and hangs               t  prints and triple-faults
 *   m     prints the first 4 bytes of its module as characters and ends with 0
 *   i     prints without end
 */
#define COM1      0x3f8
#define EXIT_PORT 0xf4
#define EXIT_BASE 0x10
#define MULTIBOOT 0x1badb002

    .section .multiboot, "a"
    .align 4
    .long MULTIBOOT, 0, -MULTIBOOT

    .text
    .code32
    .globl _start
_start:
    mov $stack_end, %esp
    mov %ebx, %ebp              /* multiboot information */

    mov $COM1 + 3, %dx          /* 8 data bits; FIFOs on and emptied, as drivers do */
    mov $3, %al
    out %al, %dx
    mov $COM1 + 2, %dx
    mov $7, %al
    out %al, %dx

    mov $hello, %esi
    call print

    mov 16(%ebp), %esi          /* command line */
1:  lodsb
    test %al, %al
    jnz 1b
    mov -2(%esi), %al

    cmp $'e', %al
    je echo
    cmp $'h', %al
    je hang
    cmp $'t', %al
    je triple_fault
    cmp $'m', %al
    je module
    cmp $'i', %al
    je endless
    sub $'0', %al

exit:                           /* with the status in %al */
    add $EXIT_BASE, %al
    movzbl %al, %eax
    out %eax, $EXIT_PORT
hang:
    cli
    hlt
    jmp hang

triple_fault:
    lidt no_idt
    ud2

endless:
    mov $hello, %esi
    call print
    jmp endless

module:
    mov 24(%ebp), %esi          /* first module's entry; its first field is the start */
    mov (%esi), %esi
    mov $4, %ecx
1:  lodsb
    call put
    loop 1b
    mov $newline, %esi
    call print
    xor %al, %al
    jmp exit

echo:
    xor %bl, %bl                /* whether in the middle of a line */
1:  call get
    cmp $'q', %al
    jne 2f
    test %bl, %bl
    jz 3f
2:  mov $1, %bl
    call put
    cmp $'\n', %al
    jne 1b
    jmp echo
3:  xor %al, %al
    jmp exit

print:                          /* the string at %esi */
    lodsb
    test %al, %al
    jz 1f
    call put
    jmp print
1:  ret

put:                            /* the character in %al */
    mov %al, %ah
    mov $COM1 + 5, %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    mov $COM1, %dx
    mov %ah, %al
    out %al, %dx
    ret

get:                            /* a character to %al */
    mov $COM1 + 5, %dx
1:  in %dx, %al
    test $1, %al
    jz 1b
    mov $COM1, %dx
    in %dx, %al
    ret

    .section .rodata
hello:
    .ascii "test machine"
newline:
    .asciz "\r\n"
no_idt:
    .word 0
    .long 0

    .bss
    .align 16
    .skip 4096
stack_end:

    .section .note.GNU-stack, "", @progbits
