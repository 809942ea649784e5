#include <stdlib.h>
#include <string.h>

#include "abi/xen.h"
#include "tests/unit/image/elf_maker.h"

#define HEADERS (1 + MAKER_SEGMENTS) /* program headers that there is room for */

void maker_note(struct elf_maker *m, const char *owner, uint32_t type, const void *desc,
                size_t size)
{
    const Elf64_Nhdr note = {(Elf64_Word)strlen(owner) + 1, (Elf64_Word)size, type};
    unsigned char *at = m->notes + m->notes_size;

    memcpy(at, &note, sizeof(note));
    at += sizeof(note);
    memcpy(at, owner, note.n_namesz);
    at += (note.n_namesz + 3) & ~3u;
    memcpy(at, desc, size);
    at += (size + 3) & ~3ul;
    m->notes_size = (size_t)(at - m->notes);
}

void maker_note_number(struct elf_maker *m, uint32_t type, uint64_t number)
{
    maker_note(m, "Xen", type, &number, sizeof(number));
}

void maker_note_string(struct elf_maker *m, uint32_t type, const char *text)
{
    maker_note(m, "Xen", type, text, strlen(text) + 1);
}

void maker_init(struct elf_maker *m)
{
    *m = (struct elf_maker){
        .header =
            {
                .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                .e_type = ET_EXEC,
                .e_machine = EM_X86_64,
                .e_version = EV_CURRENT,
                .e_entry = MAKER_BASE + 0x1000010,
                .e_phoff = sizeof(Elf64_Ehdr),
                .e_ehsize = sizeof(Elf64_Ehdr),
                .e_phentsize = sizeof(Elf64_Phdr),
                .e_shentsize = sizeof(Elf64_Shdr),
            },
        .segments = 2,
        .segment =
            {
                {.p_type = PT_LOAD,
                 .p_flags = PF_R | PF_X,
                 .p_vaddr = MAKER_BASE + 0x1000000,
                 .p_paddr = 0x1000000,
                 .p_filesz = 0x2000,
                 .p_memsz = 0x2000},
                {.p_type = PT_LOAD,
                 .p_flags = PF_R | PF_W,
                 .p_vaddr = MAKER_BASE + 0x1100000,
                 .p_paddr = 0x1100000,
                 .p_filesz = 0x1000,
                 .p_memsz = 0x4000},
            },
        .note = {.p_type = PT_NOTE},
    };
    maker_note_string(m, XEN_ELFNOTE_XEN_VERSION, "xen-3.0");
    maker_note_string(m, XEN_ELFNOTE_LOADER, "generic");
    maker_note_string(m, XEN_ELFNOTE_GUEST_OS, "test");
    maker_note_number(m, XEN_ELFNOTE_VIRT_BASE, MAKER_BASE);
    maker_note_number(m, XEN_ELFNOTE_HYPERCALL_PAGE, MAKER_BASE + 0x1001000);
}

uint8_t *maker_file(const struct elf_maker *m, size_t *size)
{
    const size_t notes_at = sizeof(Elf64_Ehdr) + HEADERS * sizeof(Elf64_Phdr);
    Elf64_Shdr sections[2] = {{0}, m->section};
    Elf64_Ehdr header = m->header;
    Elf64_Phdr ph[HEADERS] = {m->note};
    size_t at = notes_at + m->notes_size;
    uint8_t *file;

    if (!ph[0].p_offset)
        ph[0].p_offset = notes_at;
    if (!ph[0].p_filesz)
        ph[0].p_filesz = m->notes_size;
    for (unsigned i = 0; i < m->segments; i++) {
        ph[1 + i] = m->segment[i];
        if (!ph[1 + i].p_offset) {
            ph[1 + i].p_offset = at;
            at += ph[1 + i].p_filesz;
        }
    }
    if (!header.e_phnum)
        header.e_phnum = (Elf64_Half)(1 + m->segments);
    if (m->section.sh_type) {
        header.e_shoff = at;
        header.e_shnum = 2;
        sections[1].sh_offset = notes_at;
        sections[1].sh_size = m->notes_size;
        at += sizeof(sections);
    }
    *size = at;
    file = calloc(1, at);
    memcpy(file, &header, sizeof(header));
    memcpy(file + sizeof(header), ph, sizeof(ph));
    memcpy(file + notes_at, m->notes, m->notes_size);
    if (m->section.sh_type)
        memcpy(file + header.e_shoff, sections, sizeof(sections));
    return file;
}
