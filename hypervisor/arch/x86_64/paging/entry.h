/* Page-table entries: layout, and what a PV guest may put into them. */
#pragma once

#include "lib/types.h"
#include "cpu/layout.h"

#define PTE_PRESENT      0x1ul
#define PTE_RW           0x2ul
#define PTE_USER         0x4ul
#define PTE_PWT          0x8ul
#define PTE_PCD          0x10ul
#define PTE_ACCESSED     0x20ul
#define PTE_DIRTY        0x40ul
#define PTE_PSE          0x80ul /* PAT in an L1 entry */
#define PTE_GLOBAL       0x100ul
#define PTE_AVAIL        0xe00ul
#define PTE_GUEST_KERNEL (1ul << 52) /* the guest meant a kernel page: it did not set USER */
#define PTE_AVAIL_HIGH   (0x7fful << 52)
#define PTE_GRANT        (1ul << 62) /* kept for entries made by grant mappings */
#define PTE_NX           (1ul << 63)
#define PTE_FRAME        0x000ffffffffff000ul

/* Flags that a guest may set; the others are refused. */
#define PTE_ALLOWED                                                                            \
    (PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY | PTE_AVAIL | PTE_AVAIL_HIGH | \
     PTE_NX)
#define PTE_ALLOWED_L1 ((PTE_ALLOWED | PTE_GLOBAL) & ~PTE_GRANT)

/* Flags that change nothing about what the entry refers to and how: no new reference is needed. */
#define PTE_CHEAP_L1 \
    (PTE_NX | PTE_AVAIL_HIGH | PTE_AVAIL | PTE_GLOBAL | PTE_DIRTY | PTE_ACCESSED | PTE_USER)
#define PTE_CHEAP (PTE_CHEAP_L1 | PTE_RW)

#define TABLE_ENTRIES 512

static inline mfn_t pte_frame(uint64_t pte)
{
    return mfn((pte & PTE_FRAME) >> PAGE_SHIFT);
}

/* The page that a present entry refers to, as a table. A processor that only guesses that it is
 * present reads frame 0: what guests put into entries that are not may name any frame. */
static inline uint64_t *pte_table(uint64_t pte)
{
    uint64_t mask;

    __asm__("bt $0, %1; sbb %0, %0" : "=r"(mask) : "r"(pte) : "cc");
    return (uint64_t *)(DIRECT_START + (pte & PTE_FRAME & mask));
}

static inline uint64_t pte_make(mfn_t frame, uint64_t flags)
{
    return frame.n << PAGE_SHIFT | flags;
}

/* Index into the table of that level (1 .. 4) for an address. */
static inline unsigned pte_index(uint64_t va, unsigned level)
{
    return va >> (PAGE_SHIFT + 9 * (level - 1)) & (TABLE_ENTRIES - 1);
}

/* Index of the first present entry from i on, or TABLE_ENTRIES. Most tables are sparse: by fours.
 */
static inline size_t next_present(const uint64_t *table, size_t i)
{
    while (i < TABLE_ENTRIES && !(table[i] & PTE_PRESENT)) {
        i++;
        while (i % 4 == 0 && i < TABLE_ENTRIES &&
               !((table[i] | table[i + 1] | table[i + 2] | table[i + 3]) & PTE_PRESENT))
            i += 4;
    }
    return i;
}

/* What a present L1 entry becomes: both kernel and user run in ring 3, so all pages are USER ones;
 * a software bit remembers the difference, and the guest sees GLOBAL on its user pages. */
static inline uint64_t pte_adjust_l1(uint64_t pte)
{
    if (!(pte & PTE_USER))
        return pte | PTE_GUEST_KERNEL | PTE_USER;
    return pte & PTE_GUEST_KERNEL ? pte : pte | PTE_GLOBAL;
}
