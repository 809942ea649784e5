/* xen_version: what the hypervisor is and what it can do. */
#ifndef ABI_VERSION_H
#define ABI_VERSION_H

#include "abi/features.h"

#define XENVER_version             0
#define XENVER_extraversion        1
#define XENVER_compile_info        2
#define XENVER_capabilities        3
#define XENVER_changeset           4
#define XENVER_platform_parameters 5
#define XENVER_get_features        6
#define XENVER_pagesize            7
#define XENVER_guest_handle        8
#define XENVER_commandline         9
#define XENVER_build_id            10

/* Sizes in bytes, NUL included, of the buffers that the text sub-operations fill in whole. */
#define XEN_EXTRAVERSION_LEN      16
#define XEN_CAPABILITIES_INFO_LEN 1024
#define XEN_CHANGESET_INFO_LEN    64
#define XEN_COMMANDLINE_LEN       1024
#define XEN_DOMAIN_HANDLE_LEN     16 /* XENVER_guest_handle: not text, 16 bytes */

#ifndef __ASSEMBLER__

#include <stdint.h>

/* XENVER_compile_info: texts, each with its NUL. */
struct xen_compile_info {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};

/* XENVER_platform_parameters */
struct xen_platform_parameters {
    uint64_t virt_start; /* HYPERVISOR_VIRT_START */
};

/* XENVER_get_features */
struct xen_feature_info {
    uint32_t submap_idx; /* in: which 32 features, below XENFEAT_NR_SUBMAPS */
    uint32_t submap;     /* out: bit n is feature 32 * submap_idx + n */
};

/* XENVER_build_id: returns its length; a null argument asks for the length only. */
struct xen_build_id {
    uint32_t len; /* in: bytes of room in buf */
    unsigned char buf[];
};

#endif /* __ASSEMBLER__ */

#endif
