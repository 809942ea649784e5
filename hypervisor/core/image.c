#include <elf.h>

#include "abi/xen.h"
#include "core/image.h"
#include "core/log.h"
#include "lib/format.h"
#include "lib/string.h"

#define MAX_PROGRAM_HEADERS 128

/* They can lie anywhere in a file. */
#define UNALIGNED __attribute__((aligned(1)))
typedef Elf64_Phdr UNALIGNED program_header_t;
typedef Elf64_Shdr UNALIGNED section_header_t;
typedef Elf64_Nhdr UNALIGNED note_header_t;

struct parser {
    struct image *img;
    const char *name; /* the domain's */
    Elf64_Ehdr header;
    uint64_t note_bytes; /* of all tables of notes */
    unsigned xen_notes;  /* of owner "Xen" */
    bool for_xen3;       /* XEN_VERSION is right */
    bool loadable;       /* LOADER or GUEST_OS is right */
};

/* Logs the line, after the domain's name; its value is false. */
#define refuse(p, fmt, ...) (log_line("/domains/%s: kernel: " fmt, (p)->name, ##__VA_ARGS__), false)

static bool in_file(const struct image *img, uint64_t offset, uint64_t bytes)
{
    return offset <= img->size && bytes <= img->size - offset;
}

/* --- headers --- */

static bool check_header(struct parser *p)
{
    const Elf64_Ehdr *h = &p->header;
    const uint8_t *file = p->img->file, *id = h->e_ident;
    const size_t size = p->img->size;

    memcpy(&p->header, file, MIN(size, sizeof(p->header))); /* the rest is zero */
    if (size == 0)
        return refuse(p, "is empty: expected a 64-bit ELF file");
    if (id[0] == 0x1f && id[1] == 0x8b)
        return refuse(p, "is gzip-compressed: expected a 64-bit ELF file, unpacked");
    if (size >= 0x206 && memcmp(file + 0x202, "HdrS", 4) == 0)
        return refuse(p, "is a Linux bzImage: expected the vmlinux that is packed in it");
    if (memcmp(id, ELFMAG, SELFMAG) != 0)
        return refuse(p, "is not ELF: begins with %02x %02x %02x %02x: expected 7f 45 4c 46", id[0],
                      id[1], id[2], id[3]);
    if (size < sizeof(p->header))
        return refuse(p, "is truncated: %zu bytes: expected an ELF header of %zu", size,
                      sizeof(p->header));
    if (id[EI_CLASS] != ELFCLASS64 || id[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64 ||
        (h->e_type != ET_EXEC && h->e_type != ET_DYN))
        return refuse(
            p,
            "is ELF of class %u, byte order %u, machine %u, type %u: expected 2 (64-bit), "
            "1 (little endian), 62 (x86-64), 2 (executable) or 3",
            id[EI_CLASS], id[EI_DATA], h->e_machine, h->e_type);
    if (h->e_phnum == 0 || h->e_phnum > MAX_PROGRAM_HEADERS || h->e_phentsize != sizeof(Elf64_Phdr))
        return refuse(p, "has %u program headers of %u bytes: expected 1 .. %u of %zu", h->e_phnum,
                      h->e_phentsize, MAX_PROGRAM_HEADERS, sizeof(Elf64_Phdr));
    if (!in_file(p->img, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr)))
        return refuse(p, "is truncated: %#zx bytes: expected %u program headers at %#lx",
                      p->img->size, h->e_phnum, h->e_phoff);
    p->img->entry = h->e_entry;
    p->img->headers = h->e_phoff;
    p->img->nr_headers = h->e_phnum;
    return true;
}

static const program_header_t *program_header(const struct image *img, unsigned index)
{
    return (const program_header_t *)(img->file + img->headers) + index;
}

/* --- notes --- */

struct number_note {
    const char *name;
    uint64_t unit;
    size_t field; /* of struct image */
};

#define NUMBER(name, field, unit) \
    [XEN_ELFNOTE_##name] = {#name, unit, offsetof(struct image, field)}

static const struct number_note number_notes[] = {
    NUMBER(ENTRY, entry, 1),
    NUMBER(HYPERCALL_PAGE, hypercall_page, PAGE_SIZE),
    NUMBER(VIRT_BASE, virt_base, PAGE_SIZE),
    NUMBER(PADDR_OFFSET, paddr_offset, 1),
    NUMBER(INIT_P2M, init_p2m, PAGE_SIZE),
    NUMBER(MOD_START_PFN, ramdisk_by_pfn, 1),
};

static const struct number_note abi_version_note = {"ABI_VERSION", 1,
                                                    offsetof(struct image, abi_version)};

static bool read_number(const struct parser *p, const struct number_note *n, const char *desc,
                        size_t bytes)
{
    uint64_t *out = (uint64_t *)((char *)p->img + n->field);

    if (bytes != 4 && bytes != 8)
        return refuse(p, "note %s has %zu bytes: expected a number of 4 or 8", n->name, bytes);
    *out = 0;
    memcpy(out, desc, bytes);
    if (*out % n->unit != 0)
        return refuse(p, "note %s = %#lx: expected a multiple of 4096", n->name, *out);
    return true;
}

/* Finds the first feature that the kernel cannot do without and that is not here. Kernels require
 * writable_page_tables (Linux does) and run where such writes are trapped, as on Xen. */
static bool check_features(const struct parser *p, const char *text, size_t length)
{
    static const char *const have[] = {"writable_page_tables", "pae_pgdir_above_4gb"};
    const char *end = text + length;

    while (text < end) {
        const char *bar = memchr(text, '|', (size_t)(end - text));
        const size_t n = (size_t)((bar ? bar : end) - text);
        bool known = *text != '!';

        for (size_t i = 0; i < ARRAY_LEN(have) && !known; i++)
            known = n == strlen(have[i]) + 1 && memcmp(text + 1, have[i], n - 1) == 0;
        if (!known)
            return refuse(p, "note FEATURES requires \"%.*s\": expected only %s and %s",
                          (int)MIN(n - 1, 39), text + 1, have[0], have[1]);
        text += n + 1;
    }
    return true;
}

static bool begins(const char *text, size_t length, const char *wanted)
{
    return length >= strlen(wanted) && memcmp(text, wanted, strlen(wanted)) == 0;
}

/* Not all kernels end their strings with a NUL. */
static bool read_xen_string(struct parser *p, uint32_t type, const char *text, size_t length)
{
    switch (type) {
    case XEN_ELFNOTE_FEATURES:
        return check_features(p, text, length);
    case XEN_ELFNOTE_XEN_VERSION:
        p->for_xen3 = begins(text, length, "xen-3.0");
        break;
    case XEN_ELFNOTE_LOADER:
        p->loadable |= begins(text, length, "generic");
        break;
    case XEN_ELFNOTE_GUEST_OS:
        p->loadable |= begins(text, length, "linux");
        format(p->img->guest_os, sizeof(p->img->guest_os), "%.*s", (int)MIN(length, 15), text);
        break;
    }
    return true;
}

static bool is_owner(const note_header_t *note, const char *wanted)
{
    return note->n_namesz == strlen(wanted) + 1 && memcmp(note + 1, wanted, note->n_namesz) == 0;
}

static bool read_note(struct parser *p, const note_header_t *note)
{
    const char *desc = (const char *)(note + 1) + round_up(note->n_namesz, 4);
    const uint32_t type = note->n_type;

    if (is_owner(note, LAMINA_ELFNOTE_OWNER) && type == LAMINA_ELFNOTE_ABI_VERSION)
        return read_number(p, &abi_version_note, desc, note->n_descsz);
    if (!is_owner(note, "Xen"))
        return true;
    p->xen_notes++;
    if (type < ARRAY_LEN(number_notes) && number_notes[type].name)
        return read_number(p, &number_notes[type], desc, note->n_descsz);
    return read_xen_string(p, type, desc, strnlen(desc, note->n_descsz));
}

/* Reads the notes in that part of the file, which may be any. */
static bool read_notes(struct parser *p, uint64_t offset, uint64_t bytes)
{
    if (!in_file(p->img, offset, bytes))
        return refuse(p, "is truncated: %#zx bytes: expected %#lx at %#lx for notes", p->img->size,
                      bytes, offset);
    /* Tables that name the same notes again and again would keep the boot busy. */
    p->note_bytes += bytes;
    if (p->note_bytes > p->img->size)
        return refuse(p, "has tables of notes with %lu bytes: expected at most the file's %zu",
                      p->note_bytes, p->img->size);
    while (bytes >= sizeof(note_header_t)) {
        const note_header_t *note = (const note_header_t *)(p->img->file + offset);
        uint64_t size = sizeof(*note) + round_up(note->n_namesz, 4) + note->n_descsz;

        if (size > bytes)
            return refuse(p, "note at %#lx takes %lu bytes: expected at most the %lu left", offset,
                          size, bytes);
        if (!read_note(p, note))
            return false;
        size = MIN(round_up(size, 4), bytes);
        offset += size;
        bytes -= size;
    }
    return true;
}

/* NULL: there is no such section (which is no mistake). */
static const section_header_t *section_header(const struct parser *p, unsigned index)
{
    const Elf64_Ehdr *h = &p->header;

    if (index >= h->e_shnum || h->e_shentsize != sizeof(section_header_t) ||
        !in_file(p->img, h->e_shoff, (uint64_t)h->e_shnum * sizeof(section_header_t)))
        return NULL;
    return (const section_header_t *)(p->img->file + h->e_shoff) + index;
}

/* From note segments or, if Xen's are not there, from note sections. Some linkers leave the offset
 * of a note segment 0. */
static bool find_notes(struct parser *p)
{
    const section_header_t *sh;

    for (unsigned i = 0; i < p->img->nr_headers; i++) {
        const program_header_t *ph = program_header(p->img, i);

        if (ph->p_type == PT_NOTE && ph->p_offset && !read_notes(p, ph->p_offset, ph->p_filesz))
            return false;
    }
    for (unsigned i = 0; p->xen_notes == 0 && (sh = section_header(p, i)); i++)
        if (sh->sh_type == SHT_NOTE && !read_notes(p, sh->sh_offset, sh->sh_size))
            return false;
    return true;
}

static bool check_notes(const struct parser *p)
{
    if (p->xen_notes == 0)
        return refuse(p, "has no notes of owner \"Xen\": expected those of a PV kernel");
    if (!p->for_xen3)
        return refuse(p, "note XEN_VERSION is missing or other: expected \"xen-3.0\"");
    if (!p->loadable)
        return refuse(p, "note LOADER is not \"generic\" and GUEST_OS not \"linux\": expected one");
    return true;
}

/* --- segments --- */

bool image_next_segment(const struct image *img, unsigned *cursor, struct image_segment *seg)
{
    while (*cursor < img->nr_headers) {
        const program_header_t *ph = program_header(img, (*cursor)++);

        if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
            continue;
        *seg =
            (struct image_segment){ph->p_offset, ph->p_paddr - img->paddr_offset + img->virt_base,
                                   ph->p_filesz, ph->p_memsz};
        return true;
    }
    return false;
}

static bool check_segments(const struct parser *p)
{
    struct image *img = p->img;
    struct image_segment seg;

    img->virt_start = NO_ADDRESS;
    for (unsigned next = 0; image_next_segment(img, &next, &seg);) {
        const uint64_t end = seg.virt + seg.mem_bytes;

        if (seg.file_bytes > seg.mem_bytes)
            return refuse(
                p, "segment %u has %#lx bytes in the file: expected at most its %#lx in memory",
                next - 1, seg.file_bytes, seg.mem_bytes);
        if (!in_file(img, seg.offset, seg.file_bytes))
            return refuse(p, "is truncated: %#zx bytes: expected %#lx at %#lx for segment %u",
                          img->size, seg.file_bytes, seg.offset, next - 1);
        if (seg.virt < img->virt_base || end < seg.virt)
            return refuse(p, "segment %u of %#lx bytes at %#lx: expected it above VIRT_BASE = %#lx",
                          next - 1, seg.mem_bytes, seg.virt, img->virt_base);
        img->virt_start = MIN(img->virt_start, seg.virt);
        img->virt_end = MAX(img->virt_end, end);
    }
    if (img->virt_end == 0)
        return refuse(p, "has no segment to load: expected at least one PT_LOAD");
    return true;
}

static bool check_in_segment(const struct parser *p, const char *what, uint64_t virt,
                             uint64_t bytes)
{
    const struct image *img = p->img;
    struct image_segment seg;

    for (unsigned cursor = 0; image_next_segment(img, &cursor, &seg);)
        if (virt >= seg.virt && bytes <= seg.mem_bytes && virt - seg.virt <= seg.mem_bytes - bytes)
            return true;
    return refuse(p, "%s = %#lx is in no segment: expected it in %#lx .. %#lx", what, virt,
                  img->virt_start, img->virt_end);
}

bool image_parse(struct image *img, const void *file, size_t size, const char *name)
{
    struct parser p = {.img = img, .name = name};

    *img = (struct image){
        .file = file, .size = size, .hypercall_page = NO_ADDRESS, .init_p2m = NO_ADDRESS};
    return check_header(&p) && find_notes(&p) && check_notes(&p) && check_segments(&p) &&
           check_in_segment(&p, "entry", img->entry, 1) &&
           (img->hypercall_page == NO_ADDRESS ||
            check_in_segment(&p, "note HYPERCALL_PAGE", img->hypercall_page, PAGE_SIZE));
}
