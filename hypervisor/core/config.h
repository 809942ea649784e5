/* The system tree: the device tree blob that says what to run. docs/system-tree.md is its
 * reference. Every wrong thing is reported with log_line() as "NODE: PROPERTY = VALUE: expected
 * ...", and only the domain or wire that has it is refused. Nothing is allocated: what these
 * structures point at lies in the blob, which must stay. Boot only; libfdt needs a stack protector
 * canary at %fs:0x28. */
#pragma once

#include "core/tree.h"

#define CONFIG_MAX_DOMAINS 2048
#define CONFIG_WEIGHT      256 /* of a domain for which the tree says none */
#define CONFIG_MAX_CPUS    64  /* host CPUs that `cpus` can name: 0 .. 63 */

/* Large (16 KiB): make it static. */
struct system_config {
    const void *fdt;
    unsigned nr_domains;   /* nodes under /domains, wrong ones included */
    unsigned refused;      /* nodes outside /domains and /wiring that were reported as wrong */
    bool allow_unsafe_cpu; /* untrusted domains run even if the CPU leaks the hypervisor's memory */
    bool audit_calls;      /* see core/audit.h */
    int wiring;            /* node offset, negative: none */
    struct {
        int node;
        uint32_t phandle; /* 0: none */
    } domain[CONFIG_MAX_DOMAINS];
};

struct domain_config {
    char name[TREE_NAME_MAX + 1]; /* the node's, 1 .. 31 characters */
    struct tree_bytes kernel;     /* size 0 is possible: image_parse reports that */
    struct tree_bytes ramdisk;    /* data NULL: none */
    const char *bootargs;         /* "" if none; shorter than MAX_GUEST_CMDLINE */
    uint64_t pages;
    uint32_t memory;      /* the same in MiB */
    uint64_t cpus;        /* bit n: may run on host CPU n */
    uint32_t vcpus;       /* 1 .. 64 */
    uint32_t weight;      /* 1 .. 65535 */
    uint32_t cap;         /* percent of one host CPU; 0: none */
    uint32_t privileges;  /* PRIV_* */
    uint32_t abi_version; /* newest ABI version that the domain may see; 0: no limit */
    uint16_t id;          /* 1, 2, ... in the order of the nodes */
    bool no_console_write;
};

struct wire_config {
    const struct system_config *sys;
    char name[TREE_NAME_MAX + 1]; /* the node's, 1 .. 31 characters */
    uint32_t kind;                /* LAMINA_WIRE_* */
    struct wire_config_end {
        uint16_t domid;  /* exists in the tree; may have been refused */
        uint32_t number; /* port; for a shared page the grant reference, at both ends */
    } end[2];            /* of a shared page: owner, peer */
};

/* Checks the whole blob, of which no byte beyond size is read; it must be 8-byte aligned. False:
 * one line was logged and there is nothing to run. */
bool config_open(struct system_config *sys, const void *blob, size_t size);

/* Reads the domain of that index, 0 .. nr_domains - 1; its id is index + 1. False: logged, refused.
 */
bool config_domain(const struct system_config *sys, unsigned index, struct domain_config *dom);

/* The name of its node, for messages: it may have been refused for that name. */
const char *config_domain_name(const struct system_config *sys, uint16_t domid);

/* The first (after = -1) or next wire's node, or negative: no more. */
int config_next_wire(const struct system_config *sys, int after);
/* Reads that wire. False: logged, refused. */
bool config_wire(const struct system_config *sys, int node, struct wire_config *wire);
