/* Grant tables: how a domain lets another one map or copy a page of its own, named by a reference,
 * the entry's index in the granter's table. */
#ifndef ABI_GRANT_TABLE_H
#define ABI_GRANT_TABLE_H

#define GNTTABOP_map_grant_ref     0
#define GNTTABOP_unmap_grant_ref   1
#define GNTTABOP_setup_table       2
#define GNTTABOP_dump_table        3
#define GNTTABOP_transfer          4
#define GNTTABOP_copy              5
#define GNTTABOP_query_size        6
#define GNTTABOP_unmap_and_replace 7
#define GNTTABOP_set_version       8
#define GNTTABOP_get_status_frames 9
#define GNTTABOP_get_version       10
#define GNTTABOP_swap_grant_ref    11
#define GNTTABOP_cache_flush       12

/* References 0 to 7 are for the domain's builder. */
#define GNTTAB_NR_RESERVED_ENTRIES 8
#define GNTTAB_RESERVED_CONSOLE    0
#define GNTTAB_RESERVED_XENSTORE   1

/* --- flags of an entry --- */

/* Bits 0 and 1: its type. */
#define GTF_invalid         0u
#define GTF_permit_access   1u /* the named domain may map or copy the frame */
#define GTF_accept_transfer 2u /* the named domain may give a frame */
#define GTF_transitive      3u /* version 2: stands for another domain's grant */
#define GTF_type_mask       3u

/* With permit_access. The granter sets readonly; the hypervisor sets reading and writing while the
 * page is mapped, and then the entry may not be taken back. */
#define _GTF_readonly 2
#define GTF_readonly  (1u << _GTF_readonly)
#define _GTF_reading  3
#define GTF_reading   (1u << _GTF_reading)
#define _GTF_writing  4
#define GTF_writing   (1u << _GTF_writing)
#define _GTF_PWT      5
#define GTF_PWT       (1u << _GTF_PWT)
#define _GTF_PCD      6
#define GTF_PCD       (1u << _GTF_PCD)
#define _GTF_PAT      7
#define GTF_PAT       (1u << _GTF_PAT)
#define _GTF_sub_page 8 /* version 2: only length bytes from page_off, and only to copy */
#define GTF_sub_page  (1u << _GTF_sub_page)

/* With accept_transfer, set by the hypervisor: a frame is on its way; it is there. */
#define _GTF_transfer_committed 2
#define GTF_transfer_committed  (1u << _GTF_transfer_committed)
#define _GTF_transfer_completed 3
#define GTF_transfer_completed  (1u << _GTF_transfer_completed)

/* --- flags of map and unmap --- */

#define _GNTMAP_device_map      0 /* for devices: dev_bus_addr tells the address */
#define GNTMAP_device_map       (1 << _GNTMAP_device_map)
#define _GNTMAP_host_map        1 /* in the caller's page tables */
#define GNTMAP_host_map         (1 << _GNTMAP_host_map)
#define _GNTMAP_readonly        2
#define GNTMAP_readonly         (1 << _GNTMAP_readonly)
#define _GNTMAP_application_map 3 /* user mode may use it */
#define GNTMAP_application_map  (1 << _GNTMAP_application_map)
#define _GNTMAP_contains_pte    4 /* host_addr is the machine address of the L1 entry */
#define GNTMAP_contains_pte     (1 << _GNTMAP_contains_pte)
/* Bits for the entry's ignored bits, from the flags' bit 16 on. */
#define _GNTMAP_guest_avail0    16
#define GNTMAP_guest_avail_mask (0xffffffffu << _GNTMAP_guest_avail0)

/* gnttab_copy.flags: an end is named by reference, not by frame. */
#define _GNTCOPY_source_gref 0
#define GNTCOPY_source_gref  (1 << _GNTCOPY_source_gref)
#define _GNTCOPY_dest_gref   1
#define GNTCOPY_dest_gref    (1 << _GNTCOPY_dest_gref)

/* gnttab_cache_flush.op */
#define GNTTAB_CACHE_CLEAN       (1u << 0)
#define GNTTAB_CACHE_INVAL       (1u << 1)
#define GNTTAB_CACHE_SOURCE_GREF (1u << 31)

/* --- status of one operation; the hypercall itself returns 0 even if operations failed --- */

#define GNTST_okay              0
#define GNTST_general_error     (-1)
#define GNTST_bad_domain        (-2)
#define GNTST_bad_gntref        (-3)
#define GNTST_bad_handle        (-4)
#define GNTST_bad_virt_addr     (-5)
#define GNTST_bad_dev_addr      (-6)
#define GNTST_no_device_space   (-7)
#define GNTST_permission_denied (-8)
#define GNTST_bad_page          (-9)
#define GNTST_bad_copy_arg      (-10)
#define GNTST_address_too_big   (-11)
#define GNTST_eagain            (-12)
#define GNTST_no_space          (-13)

#ifndef __ASSEMBLER__

#include <stdint.h>
#include "abi/guest_ptr.h"

/* An entry of the table in version 1. To grant: write frame and domid, then flags. To take back: a
 * compare-and-swap of flags from a value without reading and writing to 0. */
struct grant_entry_v1 {
    uint16_t flags; /* GTF_* */
    uint16_t domid; /* who may use it */
    uint32_t frame; /* mfn */
};

/* In version 2, reading and writing are in a table of their own: 16 bits an entry. */
struct grant_entry_header {
    uint16_t flags;
    uint16_t domid;
};

union grant_entry_v2 {
    struct grant_entry_header hdr;
    struct {
        struct grant_entry_header hdr;
        uint32_t pad0;
        uint64_t frame; /* mfn */
    } full_page;
    struct {
        struct grant_entry_header hdr;
        uint16_t page_off; /* bytes */
        uint16_t length;   /* bytes */
        uint64_t frame;    /* mfn */
    } sub_page;
    struct {
        struct grant_entry_header hdr;
        uint16_t trans_domid; /* whose grant it stands for */
        uint16_t pad0;
        uint32_t gref;
    } transitive;
    uint32_t __spacer[4];
};

/* GNTTABOP_map_grant_ref */
struct gnttab_map_grant_ref {
    uint64_t host_addr;    /* in: virtual address, or the entry's with GNTMAP_contains_pte */
    uint32_t flags;        /* in: GNTMAP_* */
    uint32_t ref;          /* in */
    uint16_t dom;          /* in: the granter */
    int16_t status;        /* out: GNTST_* */
    uint32_t handle;       /* out: names the mapping when it is undone */
    uint64_t dev_bus_addr; /* out: machine address of the frame */
};

/* GNTTABOP_unmap_grant_ref */
struct gnttab_unmap_grant_ref {
    uint64_t host_addr;    /* in: as it was mapped; 0: leave this half */
    uint64_t dev_bus_addr; /* in: as it was mapped; 0: leave this half */
    uint32_t handle;       /* in */
    int16_t status;        /* out: GNTST_* */
};

/* GNTTABOP_setup_table */
struct gnttab_setup_table {
    uint16_t dom;                   /* in: DOMID_SELF, or another domain with privilege */
    uint32_t nr_frames;             /* in: pages that the table shall have at least */
    int16_t status;                 /* out: GNTST_* */
    GUEST_PTR(uint64_t) frame_list; /* out: their mfns */
};

/* GNTTABOP_dump_table */
struct gnttab_dump_table {
    uint16_t dom;   /* in */
    int16_t status; /* out */
};

/* GNTTABOP_transfer */
struct gnttab_transfer {
    uint64_t mfn;   /* in: the caller's frame */
    uint16_t domid; /* in: who gets it */
    uint32_t ref;   /* in: that domain's entry */
    int16_t status; /* out */
};

/* GNTTABOP_copy */
struct gnttab_copy {
    struct gnttab_copy_ptr {
        union {
            uint32_t ref;
            uint64_t gmfn;
        } u;
        uint16_t domid;  /* the granter, or DOMID_SELF with a frame */
        uint16_t offset; /* bytes into the page */
    } source, dest;
    uint16_t len;   /* bytes; neither end may cross its page's end */
    uint16_t flags; /* GNTCOPY_* */
    int16_t status; /* out */
};

/* GNTTABOP_query_size */
struct gnttab_query_size {
    uint16_t dom;           /* in */
    uint32_t nr_frames;     /* out: pages of the table now */
    uint32_t max_nr_frames; /* out: pages it may have */
    int16_t status;         /* out */
};

/* GNTTABOP_unmap_and_replace: undoes host_addr, which then maps what new_addr maps. */
struct gnttab_unmap_and_replace {
    uint64_t host_addr;
    uint64_t new_addr; /* its own mapping goes */
    uint32_t handle;
    int16_t status; /* out */
};

/* GNTTABOP_set_version: the table must be empty but for the reserved entries. */
struct gnttab_set_version {
    uint32_t version; /* in: 1 or 2; out: the version in force */
};

/* GNTTABOP_get_status_frames */
struct gnttab_get_status_frames {
    uint32_t nr_frames;             /* in: pages of status words */
    uint16_t dom;                   /* in */
    int16_t status;                 /* out */
    GUEST_PTR(uint64_t) frame_list; /* out: their mfns */
};

/* GNTTABOP_get_version */
struct gnttab_get_version {
    uint16_t dom; /* in */
    uint16_t pad;
    uint32_t version; /* out */
};

/* GNTTABOP_swap_grant_ref */
struct gnttab_swap_grant_ref {
    uint32_t ref_a;
    uint32_t ref_b;
    int16_t status; /* out */
};

/* GNTTABOP_cache_flush */
struct gnttab_cache_flush {
    union {
        uint64_t dev_bus_addr;
        uint32_t ref; /* with GNTTAB_CACHE_SOURCE_GREF */
    } a;
    uint16_t offset; /* bytes into the page */
    uint16_t length; /* bytes */
    uint32_t op;     /* GNTTAB_CACHE_* */
};

#endif /* __ASSEMBLER__ */

#endif
