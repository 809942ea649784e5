#include "abi/xen.h"
#include "core/image_internal.h"
#include "lib/string.h"

#define MAX_NOTES 4096 /* in all, so that tables that repeat cannot take for ever */

/* Copies printable characters, up to a NUL. */
static void copy_text(char *out, size_t size, const uint8_t *text, size_t length)
{
    size_t i;

    for (i = 0; i < length && i + 1 < size && text[i]; i++)
        out[i] = text[i] >= ' ' && text[i] <= '~' ? (char)text[i] : '?';
    out[i] = 0;
}

/* False: there is no such section (which is no mistake). */
static bool section_header(const struct image_parser *p, unsigned index, Elf64_Shdr *sh)
{
    const Elf64_Ehdr *h = &p->header;

    if (index >= h->e_shnum || h->e_shentsize != sizeof(*sh) ||
        !image_in_file(p->img, h->e_shoff, (uint64_t)h->e_shnum * sizeof(*sh)))
        return false;
    memcpy(sh, p->img->file + h->e_shoff + index * sizeof(*sh), sizeof(*sh));
    return true;
}

/* Finds the first feature that the kernel cannot do without and that is not here. Kernels require
 * writable_page_tables (Linux does) and run where such writes are trapped, as on Xen. */
static bool check_features(const struct image_parser *p, const uint8_t *text, size_t length)
{
    static const char *const have[] = {"writable_page_tables", "pae_pgdir_above_4gb"};
    const uint8_t *end = text + length;

    while (text < end) {
        const uint8_t *bar = memchr(text, '|', (size_t)(end - text));
        const size_t n = (size_t)((bar ? bar : end) - text);
        bool known = *text != '!';
        char shown[40];

        for (size_t i = 0; i < ARRAY_LEN(have) && !known; i++)
            known = n == strlen(have[i]) + 1 && memcmp(text + 1, have[i], n - 1) == 0;
        if (!known) {
            copy_text(shown, sizeof(shown), text + 1, n - 1);
            return image_refuse(p, "note FEATURES requires \"%s\": expected only %s and %s", shown,
                                have[0], have[1]);
        }
        text += n + 1;
    }
    return true;
}

static bool note_number(const struct image_parser *p, const char *what, const uint8_t *desc,
                        size_t bytes, uint64_t *out)
{
    if (bytes != 4 && bytes != 8)
        return image_refuse(p, "note %s has %zu bytes: expected a number of 4 or 8", what, bytes);
    *out = 0;
    memcpy(out, desc, bytes);
    return true;
}

static bool note_begins(const uint8_t *desc, size_t length, const char *text)
{
    return length >= strlen(text) && memcmp(desc, text, strlen(text)) == 0;
}

static bool read_xen_note(struct image_parser *p, uint32_t type, const uint8_t *desc, size_t bytes)
{
    struct image_notes *n = &p->notes;
    /* Not all kernels end their strings with a NUL. */
    const size_t length = strnlen((const char *)desc, bytes);

    n->xen++;
    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        return note_number(p, "ENTRY", desc, bytes, &n->entry);
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        return note_number(p, "HYPERCALL_PAGE", desc, bytes, &n->hypercall_page);
    case XEN_ELFNOTE_VIRT_BASE:
        return note_number(p, "VIRT_BASE", desc, bytes, &n->virt_base);
    case XEN_ELFNOTE_PADDR_OFFSET:
        return note_number(p, "PADDR_OFFSET", desc, bytes, &n->paddr_offset);
    case XEN_ELFNOTE_HV_START_LOW:
        return note_number(p, "HV_START_LOW", desc, bytes, &n->hv_start_low);
    case XEN_ELFNOTE_INIT_P2M:
        return note_number(p, "INIT_P2M", desc, bytes, &n->init_p2m);
    case XEN_ELFNOTE_MOD_START_PFN:
        return note_number(p, "MOD_START_PFN", desc, bytes, &n->ramdisk_by_pfn);
    case XEN_ELFNOTE_FEATURES:
        return check_features(p, desc, length);
    case XEN_ELFNOTE_XEN_VERSION:
        n->for_xen3 = note_begins(desc, length, "xen-3.0");
        break;
    case XEN_ELFNOTE_LOADER:
        n->loadable |= note_begins(desc, length, "generic");
        break;
    case XEN_ELFNOTE_GUEST_OS:
        n->loadable |= note_begins(desc, length, "linux");
        copy_text(p->img->guest_os, sizeof(p->img->guest_os), desc, length);
        break;
    default: /* says nothing that matters here */
        break;
    }
    return true;
}

static uint64_t round_up_4(uint64_t n)
{
    return (n + 3) & ~3ul;
}

/* Reads the notes in that part of the file, which may be any. */
static bool read_notes(struct image_parser *p, uint64_t offset, uint64_t bytes)
{
    if (!image_in_file(p->img, offset, bytes))
        return image_refuse(p, "is truncated: %#zx bytes: expected %#lx at %#lx for notes",
                            p->img->size, bytes, offset);
    while (bytes >= sizeof(Elf64_Nhdr)) {
        const uint8_t *owner = p->img->file + offset + sizeof(Elf64_Nhdr);
        const uint8_t *desc;
        Elf64_Nhdr note;
        uint64_t size;

        memcpy(&note, p->img->file + offset, sizeof(note));
        size = sizeof(note) + round_up_4(note.n_namesz) + note.n_descsz;
        if (size > bytes)
            return image_refuse(p, "note at %#lx takes %lu bytes: expected at most the %lu left",
                                offset, size, bytes);
        if (++p->notes.seen > MAX_NOTES)
            return image_refuse(p, "has more than %u notes: expected at most that many", MAX_NOTES);
        desc = owner + round_up_4(note.n_namesz);
        if (note.n_namesz == sizeof("Xen") && memcmp(owner, "Xen", sizeof("Xen")) == 0) {
            if (!read_xen_note(p, note.n_type, desc, note.n_descsz))
                return false;
        } else if (note.n_namesz == sizeof(LAMINA_ELFNOTE_OWNER) &&
                   memcmp(owner, LAMINA_ELFNOTE_OWNER, sizeof(LAMINA_ELFNOTE_OWNER)) == 0 &&
                   note.n_type == LAMINA_ELFNOTE_ABI_VERSION) {
            if (!note_number(p, "ABI_VERSION", desc, note.n_descsz, &p->notes.abi_version))
                return false;
        }
        size = MIN(round_up_4(size), bytes);
        offset += size;
        bytes -= size;
    }
    return true;
}

/* From note segments or, if Xen's are not there, from note sections. Some linkers leave the offset
 * of a note segment 0. */
static bool find_notes(struct image_parser *p)
{
    Elf64_Shdr sh;

    for (unsigned i = 0; i < p->header.e_phnum; i++) {
        const Elf64_Phdr ph = image_program_header(p->img, i);

        if (ph.p_type == PT_NOTE && ph.p_offset != 0 && !read_notes(p, ph.p_offset, ph.p_filesz))
            return false;
    }
    for (unsigned i = 0; p->notes.xen == 0 && section_header(p, i, &sh); i++)
        if (sh.sh_type == SHT_NOTE && !read_notes(p, sh.sh_offset, sh.sh_size))
            return false;
    return true;
}

/* The form that came before notes: only recognised, to say so. */
static bool has_old_section(const struct image_parser *p)
{
    static const char wanted[] = "__xen_guest";
    Elf64_Shdr names, sh;

    if (!section_header(p, p->header.e_shstrndx, &names))
        return false;
    for (unsigned i = 0; section_header(p, i, &sh); i++) {
        if (image_in_file(p->img, names.sh_offset, (uint64_t)sh.sh_name + sizeof(wanted)) &&
            memcmp(p->img->file + names.sh_offset + sh.sh_name, wanted, sizeof(wanted)) == 0)
            return true;
    }
    return false;
}

static bool check_notes(struct image_parser *p)
{
    struct image_notes *n = &p->notes;

    if (n->xen == 0 && has_old_section(p))
        return image_refuse(p, "has the old section __xen_guest: expected Xen's ELF notes");
    if (n->xen == 0)
        return image_refuse(p, "has no notes of owner \"Xen\": expected those of a PV kernel");
    if (!n->for_xen3)
        return image_refuse(p, "note XEN_VERSION is missing or other: expected \"xen-3.0\"");
    if (!n->loadable)
        return image_refuse(
            p, "note LOADER is not \"generic\" and GUEST_OS not \"linux\": expected one");
    if (n->paddr_offset != NO_ADDRESS && n->virt_base == NO_ADDRESS)
        return image_refuse(p, "note PADDR_OFFSET = %#lx without VIRT_BASE: expected both",
                            n->paddr_offset);
    if (n->hv_start_low != NO_ADDRESS && n->hv_start_low > HYPERVISOR_VIRT_START)
        return image_refuse(p, "note HV_START_LOW = %#lx: expected at most %#lx", n->hv_start_low,
                            HYPERVISOR_VIRT_START);
    if (n->virt_base != NO_ADDRESS && n->virt_base % PAGE_SIZE != 0)
        return image_refuse(p, "note VIRT_BASE = %#lx: expected a multiple of 4096", n->virt_base);
    if (n->init_p2m != NO_ADDRESS && n->init_p2m % PAGE_SIZE != 0)
        return image_refuse(p, "note INIT_P2M = %#lx: expected a multiple of 4096", n->init_p2m);
    if (n->hypercall_page != NO_ADDRESS && n->hypercall_page % PAGE_SIZE != 0)
        return image_refuse(p, "note HYPERCALL_PAGE = %#lx: expected a multiple of 4096",
                            n->hypercall_page);
    if (n->abi_version != NO_ADDRESS && (n->abi_version == 0 || n->abi_version > 65535))
        return image_refuse(p, "note ABI_VERSION = %lu: expected 1 .. 65535", n->abi_version);
    return true;
}

bool image_read_notes(struct image_parser *p)
{
    struct image_notes *n = &p->notes;

    *n = (struct image_notes){0};
    n->entry = n->hypercall_page = n->virt_base = n->init_p2m = NO_ADDRESS;
    n->paddr_offset = n->hv_start_low = n->abi_version = NO_ADDRESS;
    return find_notes(p) && check_notes(p);
}
