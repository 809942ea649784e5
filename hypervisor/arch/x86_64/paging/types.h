/* What paging/ keeps for each domain and vCPU. */
#pragma once

#include "lib/types.h"
#include "lib/spinlock.h"

#define AREA_GDT_PAGES      16 /* of each vCPU */
#define AREA_LDT_PAGES      16
#define AREA_PAGES_PER_VCPU (AREA_GDT_PAGES + AREA_LDT_PAGES)
#define AREA_L1_MAX         4 /* tables, for MAX_VCPUS */

struct paging_domain {
    uint64_t tlb_cpus;    /* host CPUs that have one of its L4 tables loaded (atomic) */
    struct spinlock lock; /* guards the two below */
    uint32_t first;       /* list of its frames, by number; 0: none */
    uint64_t frames;      /* that it owns, shared ones included; holds the struct if not 0 */
    bool demoted;         /* under page_lock: a table lost its type; flush before unlocking */
    uint64_t area_entry;  /* L4 entry of slot 260: the first of the tables below */
    uint64_t *area_l3, *area_l2, *area_l1[AREA_L1_MAX];
};

struct paging_vcpu {
    mfn_t kernel_l4;    /* typed and referenced; INVALID_MFN before the builder sets it */
    mfn_t user_l4;      /* the same; INVALID_MFN: none */
    uint64_t *area;     /* its 32 entries of the domain area */
    uint32_t gdt_cpu;   /* host CPU whose descriptors are on page 14 of its GDT, + 1 */
    uint32_t gdt_pages; /* of its GDT that are the guest's */
    uint32_t ldt_entries;
    uint64_t ldt_base; /* guest virtual address */
    bool ldt_mapped;   /* a page of the LDT is mapped in the area */
};
