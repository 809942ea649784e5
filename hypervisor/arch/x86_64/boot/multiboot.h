/* What a multiboot 1 loader leaves for us. Everything is copied out of it at once, because its
 * structures lie in memory that is about to be used. */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include "lib/types.h"

#define BOOT_RANGES_MAX 64

struct range {
    uint64_t start, end; /* physical addresses */
};

struct boot_info {
    struct range ram[BOOT_RANGES_MAX]; /* whole pages of usable memory, ascending, disjoint */
    unsigned nr_ram;
    struct range module; /* the first one: the system tree; empty: none */
    unsigned nr_modules;
    const char *problem; /* what the loader did wrong; NULL: nothing */
};

/* Reads through the boot page tables' direct map. The command line goes to hypervisor_options. */
void multiboot_read(struct boot_info *info, uint32_t magic, uint32_t info_address);

#endif
