/* memory_op: how much memory a domain has, and which frames. */
#ifndef ABI_MEMORY_H
#define ABI_MEMORY_H

#define XENMEM_increase_reservation 0
#define XENMEM_decrease_reservation 1
#define XENMEM_maximum_ram_page     2
#define XENMEM_current_reservation  3
#define XENMEM_maximum_reservation  4
#define XENMEM_machphys_mfn_list    5
#define XENMEM_populate_physmap     6
#define XENMEM_add_to_physmap       7
#define XENMEM_memory_map           9
#define XENMEM_machine_memory_map   10
#define XENMEM_exchange             11
#define XENMEM_machphys_mapping     12
#define XENMEM_set_memory_map       13
#define XENMEM_maximum_gpfn         14
#define XENMEM_remove_from_physmap  15
#define XENMEM_add_to_physmap_batch 23

/* xen_memory_reservation.mem_flags: bits 0-7, the most address bits a frame may have (0: any);
 * bits 8-15, the wanted NUMA node plus 1 (0: any). */
#define XENMEMF_address_bits(bits)  (bits)
#define XENMEMF_get_address_bits(f) ((f)&0xffu)
#define XENMEMF_node(node)          (((node) + 1) << 8)
#define XENMEMF_get_node(f)         ((((f) >> 8) - 1) & 0xffu)
#define XENMEMF_populate_on_demand  (1 << 16)
#define XENMEMF_exact_node_request  (1 << 17)
#define XENMEMF_exact_node(node)    (XENMEMF_node(node) | XENMEMF_exact_node_request)
#define XENMEMF_vnode               (1 << 18)

/* xen_add_to_physmap.space: what is mapped. */
#define XENMAPSPACE_shared_info  0
#define XENMAPSPACE_grant_table  1
#define XENMAPSPACE_gmfn         2
#define XENMAPSPACE_gmfn_range   3
#define XENMAPSPACE_gmfn_foreign 4
#define XENMAPSPACE_dev_mmio     5

/* In idx, with XENMAPSPACE_grant_table: a page of status words instead of entries. */
#define XENMAPIDX_grant_table_status 0x80000000

/* Types of xen_e820_entry, those of the BIOS call. */
#define E820_RAM      1
#define E820_RESERVED 2
#define E820_ACPI     3
#define E820_NVS      4
#define E820_UNUSABLE 5

#ifndef __ASSEMBLER__

#include <stdint.h>
#include "abi/guest_ptr.h"

/* XENMEM_increase_reservation, _decrease_reservation, _populate_physmap: a list of extents, each of
 * 2^extent_order pages. The call returns how many extents it completed, from the start. */
struct xen_memory_reservation {
    /* decrease: in, mfns to give back. increase: out, mfns given (null: do not tell).
     * populate: in, pfns that the new frames become in the M2P; out, their mfns. */
    GUEST_PTR(uint64_t) extent_start;
    uint64_t nr_extents;
    uint32_t extent_order;
    uint32_t mem_flags; /* XENMEMF_* */
    uint16_t domid;     /* DOMID_SELF, or another domain with privilege */
};

/* XENMEM_exchange: gives back the frames of `in` for those of `out`; the same number of pages. */
struct xen_memory_exchange {
    struct xen_memory_reservation in;
    struct xen_memory_reservation out;
    uint64_t nr_exchanged; /* extents of `in` done: in, before, 0 at first; out, now, also after an
                            * error */
};

/* XENMEM_current_reservation, _maximum_reservation, _maximum_gpfn: returns a number of pages, or
 * the highest pfn. */
struct xen_memory_domain {
    uint16_t domid;
};

/* XENMEM_machphys_mfn_list: the frames that hold the M2P, one a 2 MiB stretch of it. */
struct xen_machphys_mfn_list {
    uint32_t max_extents;             /* in: room in the list */
    GUEST_PTR(uint64_t) extent_start; /* the list */
    uint32_t nr_extents;              /* out: entries written */
};

/* XENMEM_machphys_mapping: all out. */
struct xen_machphys_mapping {
    uint64_t v_start, v_end; /* virtual addresses; the end is one past the last byte */
    uint64_t max_mfn;        /* highest mfn that has an entry */
};

/* XENMEM_add_to_physmap */
struct xen_add_to_physmap {
    uint16_t domid;
    uint16_t size;  /* pages; XENMAPSPACE_gmfn_range only */
    uint32_t space; /* XENMAPSPACE_* */
    uint64_t idx;   /* which page of the space */
    uint64_t gpfn;  /* where it shall appear */
};

/* XENMEM_add_to_physmap_batch */
struct xen_add_to_physmap_batch {
    uint16_t domid;
    uint16_t space; /* XENMAPSPACE_* */
    uint16_t size;  /* entries of the three lists */
    union xen_add_to_physmap_batch_extra {
        uint16_t foreign_domid; /* XENMAPSPACE_gmfn_foreign: the owner */
        uint16_t res0;          /* otherwise 0 */
    } u;
    GUEST_PTR(uint64_t) idxs;
    GUEST_PTR(uint64_t) gpfns;
    GUEST_PTR(int32_t) errs; /* out */
};

/* XENMEM_remove_from_physmap */
struct xen_remove_from_physmap {
    uint16_t domid;
    uint64_t gpfn;
};

/* XENMEM_memory_map, _machine_memory_map: the guest's pseudo-physical memory, as a PC's firmware
 * would describe it. */
struct xen_memory_map {
    uint32_t nr_entries;    /* in: room in the buffer; out: entries written */
    GUEST_PTR(void) buffer; /* struct xen_e820_entry */
};

/* An entry of that buffer: 20 bytes, no padding. */
struct xen_e820_entry {
    uint64_t addr;
    uint64_t size; /* bytes */
    uint32_t type; /* E820_* */
} __attribute__((packed));

/* XENMEM_set_memory_map */
struct xen_foreign_memory_map {
    uint16_t domid;
    struct xen_memory_map map;
};

#endif /* __ASSEMBLER__ */

#endif
