/* Between image.c and image_notes.c only. */
#ifndef CORE_IMAGE_INTERNAL_H
#define CORE_IMAGE_INTERNAL_H

#include <elf.h>

#include "core/image.h"

/* What the notes say; numbers that no note gave are NO_ADDRESS. */
struct image_notes {
    uint64_t entry, hypercall_page, virt_base, init_p2m, paddr_offset, hv_start_low;
    uint64_t ramdisk_by_pfn, abi_version;
    unsigned seen; /* of any owner */
    unsigned xen;  /* of owner "Xen" */
    bool for_xen3; /* XEN_VERSION is right */
    bool loadable; /* LOADER or GUEST_OS is right */
};

struct image_parser {
    struct image *img;
    const char *name; /* the domain's */
    struct image_notes notes;
    Elf64_Ehdr header;
};

/* Logs the line, after the domain's name; returns false. */
bool image_refuse(const struct image_parser *p, const char *fmt, ...) PRINTF(2, 3);

bool image_in_file(const struct image *img, uint64_t offset, uint64_t bytes);
/* index < header.e_phnum */
Elf64_Phdr image_program_header(const struct image *img, unsigned index);

/* Reads and checks the notes, except where an address must lie. False: logged. */
bool image_read_notes(struct image_parser *p);

#endif
