/* Where everything of a new domain goes: the start-of-day layout that abi/xen.h promises to 64-bit
 * PV kernels. Pure computation; the builder then allocates frames, fills tables and copies. */
#pragma once

#include "core/image.h"

/* A piece of the domain: pages from pfn on, mapped from virt on. pages 0: there is none. */
struct plan_range {
    uint64_t virt; /* NO_ADDRESS: not mapped */
    uint64_t pfn;
    uint64_t pages;
};

/* The areas are linear mappings, each through page tables of its own. */
#define PLAN_BOOT 0 /* virt_base .. its end on a 4 MiB boundary: pfn 0 and up */
#define PLAN_P2M  1 /* the p2m where INIT_P2M wants it; pages 0: the p2m is in the boot area */

struct build_plan {
    uint64_t nr_pages; /* of the domain */
    struct plan_range kernel;
    struct plan_range ramdisk; /* not mapped if the kernel takes it by pfn */
    struct plan_range p2m;
    struct plan_range start_info, xenstore, console; /* one page each */
    /* Of the boot area: L4 first, then L3, L2, L1, each in the order of addresses. Mapped
     * read-only. */
    struct plan_range page_tables;
    struct plan_range stack; /* one page; the stack pointer starts at its end */
    /* Of the p2m area, right after the p2m: those that the boot area does not have already, in the
     * same order. Not mapped. */
    struct plan_range p2m_tables;
    struct plan_range area[2];
};

/* Plans a domain of nr_pages (1 .. 2^28) for that kernel and a ramdisk of that many bytes (0:
 * none). False: it does not fit, and one line was logged that begins with "/domains/NAME: ". */
bool plan_make(struct build_plan *plan, const struct image *img, size_t ramdisk_bytes,
               uint64_t nr_pages, const char *name);
