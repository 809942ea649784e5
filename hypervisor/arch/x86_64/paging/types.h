/* What paging/ keeps for each domain and vCPU. */
#pragma once

#include "lib/types.h"
#include "lib/spinlock.h"

#define AREA_GDT_PAGES      16 /* of each vCPU */
#define AREA_LDT_PAGES      16
#define AREA_PAGES_PER_VCPU (AREA_GDT_PAGES + AREA_LDT_PAGES)

struct paging_domain {
    uint64_t tlb_cpus;    /* host CPUs that have one of its L4 tables loaded (atomic) */
    struct spinlock lock; /* guards the two below */
    uint32_t first;       /* list of its frames, by number; 0: none */
    uint64_t frames;      /* that it owns, shared ones included; holds the struct if not 0 */
    bool demoted;         /* under page_lock: a table lost its type; flush before unlocking */
    uint64_t area_entry;  /* L4 entry of slot 260 */
    uint64_t *area;       /* the tables below that (area.c) */
};

struct paging_vcpu {
    mfn_t kernel_l4;    /* typed and referenced; INVALID_MFN before the builder sets it */
    mfn_t user_l4;      /* the same; INVALID_MFN: none */
    uint64_t *area;     /* its 32 entries of the domain area */
    uint32_t gdt_pages; /* of its GDT that are the guest's */
    uint32_t ldt_entries;
    uint64_t ldt_base; /* guest virtual address */
};
