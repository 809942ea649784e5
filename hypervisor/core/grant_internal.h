/* What the files of the grant-table code share. */
#pragma once

#include "core/domain.h"
#include "core/hypercall.h"

/* Beside each entry of the shared table, out of the guest's reach: who uses it now. A frame that is
 * pinned stays the same whatever the guest writes into the entry. */
struct grant_active {
    mfn_t frame;
    uint32_t pins;  /* GRANT_READER and GRANT_WRITER for each use */
    uint16_t domid; /* valid while pinned, as is frame */
};

#define GRANT_READER   1u
#define GRANT_WRITER   0x10000u
#define GRANT_PINS_MAX 0x8000u /* of each kind */

/* A mapping that a domain has made of another's frame; its index is the handle. */
struct grant_mapping {
    struct domain *granter; /* with a reference */
    uint32_t ref;           /* in the list of free ones: the next */
    uint32_t flags;         /* GNTMAP_* of the mapping, 0: none; changed by compare-and-swap */
};

#define MAPPING_BUSY 0x80000000u /* in flags: an unmap is at work, and nobody else changes it */

#define NO_HANDLE UINT32_MAX

/* The shared table has a page more afterwards. 0, or -XEN_ENOMEM, also at its limit. */
int grant_add_frame(struct domain *d);

/* The sub-operations. 0 or -errno; the status of each element is in the guest's array. */
long grant_map(guest_ptr_t uop, uint32_t count);
long grant_unmap(guest_ptr_t uop, uint32_t count);
long grant_copy(guest_ptr_t uop, uint32_t count);

/* Each element of a guest's array is copied in, worked on, and what is told of it from `told` on
 * copied out; others are let in now and then, and if the domain was shut down, nobody waits for the
 * rest. 0 or -XEN_EFAULT. */
static inline __attribute__((always_inline)) long
grant_each(guest_ptr_t array, uint32_t count, void *element, size_t bytes, size_t told,
           size_t told_bytes, void (*work)(void *element, void *context), void *context)
{
    for (uint32_t i = 0; i < count && (likely(i % 16 != 15) || may_go_on()); i++) {
        if (unlikely(!copy_from_guest(element, array, bytes)))
            return -XEN_EFAULT;
        work(element, context);
        if (unlikely(!copy_to_guest(guest_ptr_at(array, told), (char *)element + told, told_bytes)))
            return -XEN_EFAULT;
        array = guest_ptr_at(array, bytes);
    }
    return 0;
}
