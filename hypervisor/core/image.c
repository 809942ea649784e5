#include "core/image_internal.h"
#include "core/log.h"
#include "lib/format.h"
#include "lib/string.h"

#define MAX_PROGRAM_HEADERS 128

bool image_refuse(const struct image_parser *p, const char *fmt, ...)
{
    char text[192];
    va_list args;

    va_start(args, fmt);
    vformat(text, sizeof(text), fmt, args);
    va_end(args);
    log_line("/domains/%s: kernel: %s", p->name, text);
    return false;
}

bool image_in_file(const struct image *img, uint64_t offset, uint64_t bytes)
{
    return offset <= img->size && bytes <= img->size - offset;
}

/* --- headers --- */

static bool check_ident(const struct image_parser *p)
{
    const struct image *img = p->img;
    const uint8_t *f = img->file;

    if (img->size == 0)
        return image_refuse(p, "is empty: expected a 64-bit ELF file");
    if (img->size >= 2 && f[0] == 0x1f && f[1] == 0x8b)
        return image_refuse(p, "is gzip-compressed: expected a 64-bit ELF file, unpacked");
    if (img->size >= 0x206 && memcmp(f + 0x202, "HdrS", 4) == 0)
        return image_refuse(p, "is a Linux bzImage: expected the vmlinux that is packed in it");
    if (img->size < SELFMAG || memcmp(f, ELFMAG, SELFMAG) != 0)
        return image_refuse(p, "is not ELF: begins with %02x %02x %02x %02x: expected 7f 45 4c 46",
                            f[0], img->size > 1 ? f[1] : 0u, img->size > 2 ? f[2] : 0u,
                            img->size > 3 ? f[3] : 0u);
    if (img->size > EI_CLASS && f[EI_CLASS] == ELFCLASS32)
        return image_refuse(p, "is 32-bit ELF: expected 64-bit");
    if (img->size < sizeof(Elf64_Ehdr))
        return image_refuse(p, "is truncated: %zu bytes: expected an ELF header of %zu", img->size,
                            sizeof(Elf64_Ehdr));
    if (f[EI_CLASS] != ELFCLASS64)
        return image_refuse(p, "is ELF of class %u: expected 2 (64-bit)", f[EI_CLASS]);
    if (f[EI_DATA] != ELFDATA2LSB)
        return image_refuse(p, "is ELF of byte order %u: expected 1 (little endian)", f[EI_DATA]);
    return true;
}

static bool check_header(struct image_parser *p)
{
    const Elf64_Ehdr *h = &p->header;

    memcpy(&p->header, p->img->file, sizeof(p->header));
    if (h->e_machine != EM_X86_64)
        return image_refuse(p, "is for ELF machine %u: expected %u (x86-64)", h->e_machine,
                            EM_X86_64);
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return image_refuse(p, "is ELF of type %u: expected 2 (executable) or 3", h->e_type);
    if (h->e_phnum == 0 || h->e_phnum > MAX_PROGRAM_HEADERS)
        return image_refuse(p, "has %u program headers: expected 1 .. %u", h->e_phnum,
                            MAX_PROGRAM_HEADERS);
    if (h->e_phentsize != sizeof(Elf64_Phdr))
        return image_refuse(p, "has program headers of %u bytes: expected %zu", h->e_phentsize,
                            sizeof(Elf64_Phdr));
    if (!image_in_file(p->img, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr)))
        return image_refuse(p, "is truncated: %#zx bytes: expected %u program headers at %#lx",
                            p->img->size, h->e_phnum, h->e_phoff);
    return true;
}

Elf64_Phdr image_program_header(const struct image *img, unsigned index)
{
    Elf64_Ehdr header;
    Elf64_Phdr ph;

    memcpy(&header, img->file, sizeof(header));
    memcpy(&ph, img->file + header.e_phoff + index * sizeof(ph), sizeof(ph));
    return ph;
}

/* --- segments --- */

bool image_next_segment(const struct image *img, unsigned *cursor, struct image_segment *seg)
{
    Elf64_Ehdr header;

    memcpy(&header, img->file, sizeof(header));
    while (*cursor < header.e_phnum) {
        const Elf64_Phdr ph = image_program_header(img, (*cursor)++);

        if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
            continue;
        seg->bytes = img->file + ph.p_offset;
        seg->virt = ph.p_paddr + img->virt_offset;
        seg->file_bytes = ph.p_filesz;
        seg->mem_bytes = ph.p_memsz;
        return true;
    }
    return false;
}

/* Looks at the raw header: the segment's other end can be anywhere. */
static bool check_segment(const struct image_parser *p, unsigned index)
{
    const Elf64_Phdr ph = image_program_header(p->img, index);
    const uint64_t virt = ph.p_paddr + p->img->virt_offset;

    if (ph.p_filesz > ph.p_memsz)
        return image_refuse(
            p, "segment %u has %#lx bytes in the file: expected at most its %#lx in memory", index,
            ph.p_filesz, ph.p_memsz);
    if (!image_in_file(p->img, ph.p_offset, ph.p_filesz))
        return image_refuse(p, "is truncated: %#zx bytes: expected %#lx at %#lx for segment %u",
                            p->img->size, ph.p_filesz, ph.p_offset, index);
    if (virt < p->img->virt_base)
        return image_refuse(p, "segment %u at %#lx: expected at least VIRT_BASE = %#lx", index,
                            virt, p->img->virt_base);
    if (virt + ph.p_memsz < virt)
        return image_refuse(p, "segment %u of %#lx bytes at %#lx wraps: expected its end after it",
                            index, ph.p_memsz, virt);
    return true;
}

static bool overlaps_earlier(const struct image *img, unsigned index, uint64_t virt, uint64_t bytes,
                             unsigned *other)
{
    struct image_segment seg;
    unsigned cursor = 0;

    while (image_next_segment(img, &cursor, &seg) && cursor <= index) {
        *other = cursor - 1;
        if (virt < seg.virt + seg.mem_bytes && seg.virt < virt + bytes)
            return true;
    }
    return false;
}

static bool check_segments(struct image_parser *p)
{
    struct image *img = p->img;

    img->virt_start = NO_ADDRESS;
    img->virt_end = 0;
    for (unsigned i = 0; i < p->header.e_phnum; i++) {
        const Elf64_Phdr ph = image_program_header(img, i);
        const uint64_t virt = ph.p_paddr + img->virt_offset;
        unsigned other;

        if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
            continue;
        if (!check_segment(p, i))
            return false;
        if (overlaps_earlier(img, i, virt, ph.p_memsz, &other))
            return image_refuse(
                p, "segment %u at %#lx .. %#lx overlaps segment %u: expected them apart", i, virt,
                virt + ph.p_memsz, other);
        img->virt_start = MIN(img->virt_start, virt);
        img->virt_end = MAX(img->virt_end, virt + ph.p_memsz);
    }
    if (img->virt_end == 0)
        return image_refuse(p, "has no segment to load: expected at least one PT_LOAD");
    return true;
}

static bool in_segment(const struct image *img, uint64_t virt, uint64_t bytes)
{
    struct image_segment seg;
    unsigned cursor = 0;

    while (image_next_segment(img, &cursor, &seg))
        if (virt >= seg.virt && bytes <= seg.mem_bytes && virt - seg.virt <= seg.mem_bytes - bytes)
            return true;
    return false;
}

bool image_parse(struct image *img, const void *file, size_t size, const char *name)
{
    struct image_parser p = {.img = img, .name = name};
    const struct image_notes *n = &p.notes;

    *img = (struct image){.file = file, .size = size};
    if (!check_ident(&p) || !check_header(&p) || !image_read_notes(&p))
        return false;

    img->virt_base = n->virt_base == NO_ADDRESS ? 0 : n->virt_base;
    img->virt_offset = img->virt_base - (n->paddr_offset == NO_ADDRESS ? 0 : n->paddr_offset);
    img->entry = n->entry == NO_ADDRESS ? p.header.e_entry : n->entry;
    img->hypercall_page = n->hypercall_page;
    img->init_p2m = n->init_p2m;
    img->ramdisk_by_pfn = n->ramdisk_by_pfn != 0;
    img->abi_version = n->abi_version == NO_ADDRESS ? 0 : (uint32_t)n->abi_version;
    if (!check_segments(&p))
        return false;
    if (!in_segment(img, img->entry, 1))
        return image_refuse(&p, "entry %#lx is in no segment: expected it in %#lx .. %#lx",
                            img->entry, img->virt_start, img->virt_end);
    if (n->hypercall_page != NO_ADDRESS && !in_segment(img, n->hypercall_page, PAGE_SIZE))
        return image_refuse(&p,
                            "note HYPERCALL_PAGE = %#lx is in no segment: expected in %#lx .. %#lx",
                            n->hypercall_page, img->virt_start, img->virt_end);
    return true;
}
