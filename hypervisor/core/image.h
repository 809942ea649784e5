/* Kernel images: 64-bit ELF files with Xen's notes. Every byte of them is hostile. */
#pragma once

#include "lib/types.h"

#define NO_ADDRESS (~0ul)

/* Addresses are virtual. A page-aligned virt_base is mapped to pfn 0, and what follows it linearly.
 */
struct image {
    const uint8_t *file;
    size_t size;
    uint64_t headers; /* offset of the program headers */
    unsigned nr_headers;
    uint64_t virt_base;
    /* First and one past the last byte of the segments, >= virt_base. */
    uint64_t virt_start, virt_end;
    uint64_t entry;          /* in a segment */
    uint64_t hypercall_page; /* whole page in a segment, or NO_ADDRESS */
    uint64_t init_p2m;       /* where the p2m is wanted, page-aligned, or NO_ADDRESS */
    uint64_t paddr_offset;   /* p_paddr of virt_base */
    uint64_t abi_version;    /* Lamina's note; 0: none */
    uint64_t ramdisk_by_pfn; /* MOD_START_PFN, not 0: a ramdisk need not be mapped */
    char guest_os[16];       /* for people; "" if not said; any characters */
};

struct image_segment {
    uint64_t offset; /* in the file */
    uint64_t virt;
    uint64_t file_bytes; /* to copy */
    uint64_t mem_bytes;  /* >= file_bytes: the rest is zero */
};

/* Reads and checks a kernel. False: one line was logged that begins with "/domains/NAME: kernel".
 */
bool image_parse(struct image *img, const void *file, size_t size, const char *name);

/* Steps over the loadable segments: start with *cursor = 0. They lie in virt_start .. virt_end, in
 * the file's order, which need not be that of their addresses. */
bool image_next_segment(const struct image *img, unsigned *cursor, struct image_segment *seg);
