/* The system tree (docs/system-tree.md) as the hypervisor wants it: one device tree blob. */
#ifndef TOOLS_SYSTEM_H
#define TOOLS_SYSTEM_H

#include "blob.h"

#include <stdbool.h>
#include <stdint.h>

/* One domain, described by options instead of a tree. */
struct guest {
    const char *kernel;
    const char *ramdisk; /* NULL: none */
    const char *cmdline; /* NULL: none */
    uint32_t memory_mib;
    uint32_t vcpus; /* 0: the binding's default */
};

/* Each returns 0 and fills *system, or complains and returns the exit status. */

/* Reads a blob, or compiles a source with dtc: /incbin/ finds files relative to the source, then to
 * locate_root(). `unchecked` takes the file's bytes as they are. */
int system_from_file(struct blob *system, const char *path, bool unchecked);

/* Makes the tree of a system that has this one domain. */
int system_from_guest(struct blob *system, const struct guest *guest);

/* Bytes of memory that the domains of a checked tree ask for; wrong values, which the
 * hypervisor will refuse, not counted. */
uint64_t system_memory(const struct blob *system);

#endif
