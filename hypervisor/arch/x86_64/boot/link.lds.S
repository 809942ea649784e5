#include "cpu/layout.h"

/* The image is linked at IMAGE_START + 1 MiB and loaded at physical 1 MiB. */
OUTPUT_FORMAT(elf64-x86-64)
ENTRY(start32)

PHDRS
{
    text PT_LOAD FLAGS(5);
    rodata PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
    notes PT_NOTE FLAGS(4);
}

SECTIONS
{
    . = IMAGE_START + 0x100000;
    image_start = .;
    .text : AT(ADDR(.text) - IMAGE_START) {
        KEEP(*(.boot))
        *(.text .text.*)
        . = ALIGN(4096);
    } :text
    rodata_start = .;
    .rodata : AT(ADDR(.rodata) - IMAGE_START) {
        *(.rodata .rodata.* .data.rel.ro .data.rel.ro.* .got .got.*)
        . = ALIGN(8);
        fixup_table = .;
        KEEP(*(.fixup_table))
        fixup_table_end = .;
    } :rodata
    .note.gnu.build-id : AT(ADDR(.note.gnu.build-id) - IMAGE_START) {
        build_id_note = .;
        *(.note.gnu.build-id)
        ASSERT(. > build_id_note, "no build id");
        . = ALIGN(4096);
    } :rodata :notes
    data_start = .;
    .data : AT(ADDR(.data) - IMAGE_START) {
        *(.data .data.*)
        . = ALIGN(4096);
    } :data
    image_data_end = .;
    .bss : AT(ADDR(.bss) - IMAGE_START) {
        bss_start = .;
        *(.bss .bss.* COMMON)
        . = ALIGN(4096);
    } :data
    image_end = .;
    /DISCARD/ : { *(.comment .eh_frame .note.GNU-stack .note.gnu.property .interp .dynamic .dyn* .hash .gnu.hash) }
}
