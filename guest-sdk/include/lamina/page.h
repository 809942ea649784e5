/* Frames and page tables. A pfn counts our pages from 0; an mfn is the machine's number of a page,
 * and is what page tables hold. A table in use is never writable by us: entries are changed by
 * hypercall, and checked there. */
#ifndef LAMINA_PAGE_H
#define LAMINA_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "abi/xen.h"
#include <lamina/layout.h>
#include <lamina/vcpu.h>

#define LM_PTE_PRESENT  0x001ul
#define LM_PTE_WRITE    0x002ul
#define LM_PTE_USER     0x004ul /* the hypervisor sets it in all entries of 64-bit guests */
#define LM_PTE_ACCESSED 0x020ul
#define LM_PTE_DIRTY    0x040ul
#define LM_PTE_NX       (1ul << 63)

/* A normal page of data, and a normal table, as their entries should be. */
#define LM_PTE_DATA  (LM_PTE_PRESENT | LM_PTE_WRITE | LM_PTE_USER | LM_PTE_ACCESSED | LM_PTE_DIRTY)
#define LM_PTE_TABLE LM_PTE_DATA

/* --- numbers. No hypercall; callable anywhere. --- */

static inline void *lm_pfn_to_virt(uint64_t pfn)
{
    return (void *)(LM_VIRT_BASE + (pfn << LM_PAGE_SHIFT));
}

/* Of an address in the linear mapping at LM_VIRT_BASE. */
static inline uint64_t lm_virt_to_pfn(const void *address)
{
    return ((uint64_t)address - LM_VIRT_BASE) >> LM_PAGE_SHIFT;
}

static inline uint64_t lm_pfn_to_mfn(uint64_t pfn)
{
    return ((const uint64_t *)lm_start_info->mfn_list)[pfn];
}

static inline uint64_t lm_virt_to_mfn(const void *address)
{
    return lm_pfn_to_mfn(lm_virt_to_pfn(address));
}

/* For a frame of ours; meaningless for others. */
static inline uint64_t lm_mfn_to_pfn(uint64_t mfn)
{
    return ((const uint64_t *)MACH2PHYS_VIRT_START)[mfn];
}

static inline uint64_t lm_pte(uint64_t mfn, uint64_t flags)
{
    return mfn << LM_PAGE_SHIFT | flags;
}

static inline uint64_t lm_pte_mfn(uint64_t pte)
{
    return (pte & 0x000ffffffffff000ul) >> LM_PAGE_SHIFT;
}

static inline uint64_t lm_pte_flags(uint64_t pte)
{
    return pte & ~0x000ffffffffff000ul;
}

/* --- looking at tables --- */

/* The root of the tables that we started with. */
static inline uint64_t *lm_boot_root(void)
{
    return (uint64_t *)lm_start_info->pt_base;
}

/* The entry at `level` (4 to 1) that translates `address` in the tree below `root`, an L4 table;
 * NULL if a table above it is absent. The tables must be in the linear mapping. No hypercall. */
const uint64_t *lm_pt_entry(const uint64_t *root, const void *address, unsigned level);

/* --- changing mappings of the current tables. One hypercall each; 0 or -XEN_E*. --- */

/* Makes the L1 entry for `address` equal to `pte` and flushes its translation from this vCPU's TLB.
 * -XEN_EINVAL: there is no L1 table, or flags are not for guests; -XEN_EBUSY: the frame is not
 * ours, or is a table and the entry writable; -XEN_EPERM: no memory is there. */
int lm_map(const void *address, uint64_t pte);
/* The same for a page of the linear mapping, with these flags (LM_PTE_PRESENT is one) for all that
 * it had. */
int lm_protect(const void *page, uint64_t flags);
/* Makes one entry of any table, in use or not, equal to `pte`; `entry` is where it is seen in the
 * linear mapping. Flushes nothing. Errors as lm_map; of an upper entry all are -XEN_EINVAL. */
int lm_pt_write(const uint64_t *entry, uint64_t pte);

/* --- a stock of pages. One caller at a time, and none in an upcall. --- */

/* Free pages, mapped and writable, chained through their first bytes. */
struct lm_pool {
    void *first;
    size_t pages;
};

/* Takes in the pages that the builder mapped beyond what it needed itself: at least 512 KiB. The
 * caller sees to it that this happens once. No hypercall. */
void lm_pool_init(struct lm_pool *pool);
/* A zeroed page, or NULL. No hypercall. */
void *lm_pool_take(struct lm_pool *pool);
/* Takes in a page of the linear mapping, writable and not in use. No hypercall. */
void lm_pool_give(struct lm_pool *pool, void *page);
/* Maps the rest of the domain's memory at its place in the linear mapping, and takes it in. 0 or
 * -XEN_E*. Two hypercalls for each 2 MiB. */
int lm_pool_add_all_memory(struct lm_pool *pool);

/* --- building tables --- */

/* Sees to it that the tree below `root` has every table down to an L1 table for `address`; new ones
 * come from the pool and are made read-only. 0, -XEN_ENOMEM, or another -XEN_E*. Two hypercalls for
 * each new table. */
int lm_pt_reach(uint64_t *root, const void *address, struct lm_pool *pool);

/* Makes a zeroed page of the linear mapping an L4 table: read-only, pinned, with its hypervisor
 * slots filled in by the hypervisor. 0 or -XEN_E*. Two hypercalls. */
int lm_pt_pin_root(uint64_t *page);

#endif
