/* What a multiboot 1 loader leaves for us. Everything is copied out of it at once, because its
 * structures lie in memory that is about to be used. */
#pragma once

#include "lib/types.h"

#define BOOT_RANGES_MAX 64

struct range {
    uint64_t start, end; /* physical addresses */
};

struct boot_info {
    struct range ram[BOOT_RANGES_MAX]; /* whole pages of usable memory, disjoint, in any order */
    unsigned nr_ram;
    uint64_t ram_bytes, ram_end;
    struct range module; /* the first one: the system tree; empty: none */
};

/* Reads through the boot page tables' direct map. Panics if a loader left
 * something else. */
void multiboot_read(struct boot_info *info, uint32_t magic, uint32_t info_address);
