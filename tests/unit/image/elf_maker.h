/* Makes small ELF kernels for tests. Layout of the file: ELF header, program headers, notes, the
 * bytes of the segments, section headers. */
#ifndef TEST_ELF_MAKER_H
#define TEST_ELF_MAKER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define MAKER_SEGMENTS 4
#define MAKER_BASE     0xffffffff80000000ul

struct elf_maker {
    Elf64_Ehdr header;
    Elf64_Phdr segment[MAKER_SEGMENTS]; /* p_offset is filled in, unless it is not 0 */
    unsigned segments;
    Elf64_Phdr note; /* p_offset and p_filesz are filled in, unless they are not 0 */
    unsigned char notes[1024];
    size_t notes_size;
    Elf64_Shdr section; /* one after the null section, if sh_type is not 0 */
};

/* A kernel that is right: 8 KiB of text at 16 MiB above MAKER_BASE with the entry and a hypercall
 * page, and 4 KiB of data with 12 KiB of zeroes after it at 17 MiB; the notes that every kernel
 * needs. */
void maker_init(struct elf_maker *m);
void maker_note(struct elf_maker *m, const char *owner, uint32_t type, const void *desc,
                size_t size);
void maker_note_number(struct elf_maker *m, uint32_t type, uint64_t number);
void maker_note_string(struct elf_maker *m, uint32_t type, const char *text);

/* The file, in memory of exactly its size, to be freed with free(). */
uint8_t *maker_file(const struct elf_maker *m, size_t *size);

#endif
