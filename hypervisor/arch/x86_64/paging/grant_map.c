/* Page-table entries of grant mappings. The caller's own reference keeps the frame with its owner,
 * and unless read-only with its type. */
#include "core/log.h"
#include "paging/update.h"

static uint64_t entry_of(mfn_t frame, uint32_t flags)
{
    uint64_t pte = pte_make(frame, PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY);

    if (!(flags & GNTMAP_readonly))
        pte |= PTE_RW;
    if (flags & GNTMAP_application_map)
        pte |= PTE_USER;
    pte |= (uint64_t)(flags >> _GNTMAP_guest_avail0) << 9 & PTE_AVAIL;
    return pte_adjust_l1(pte);
}

/* The entry that host_addr names. NULL: there is none in an L1 table in use of the domain. */
static inline uint64_t *entry_at(struct vcpu *v, uint64_t host_addr, uint32_t flags)
{
    if (unlikely(flags & GNTMAP_contains_pte))
        return l1_entry_at(v->domain, host_addr);
    return find_l1(v->arch.paging.kernel_l4, host_addr);
}

/* There is no entry at host_addr, or else, why. */
static void refuse(const char *operation, uint64_t host_addr, uint32_t flags, const char *why)
{
    if (!entry_at(current, host_addr, flags))
        why = "there is no L1 page table for that";
    guest_log(current->domain, "%s at %#lx: %s", operation, host_addr, why);
}

int arch_grant_map(uint64_t host_addr, mfn_t frame, uint32_t flags)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    struct frame *f = frame_at(frame);
    uint64_t *entry, old = 0;
    bool ok;

    paging_lock(d);
    entry = entry_at(v, host_addr, flags);
    ok = entry && frame_ref_again(f);
    if (ok && !(flags & GNTMAP_readonly) && unlikely(!frame_get_writable_again(f))) {
        frame_put(f);
        ok = false;
    }
    if (likely(ok)) {
        old = READ_ONCE(*entry);
        __atomic_store_n(entry, entry_of(frame, flags), __ATOMIC_SEQ_CST);
    } else {
        refuse("grant mapping", host_addr, flags, "no more uses of the frame can be counted");
    }
    if (unlikely(old & PTE_PRESENT))
        l1_entry_put(old, d, tlb_stamp());
    paging_unlock(d);
    return likely(ok) ? GNTST_okay : GNTST_general_error;
}

int arch_grant_unmap(uint64_t host_addr, mfn_t frame, uint32_t flags)
{
    struct vcpu *v = current;
    uint64_t want = pte_make(frame, flags & GNTMAP_readonly ? PTE_PRESENT : PTE_PRESENT | PTE_RW);
    uint64_t *entry;
    bool ok;

    paging_lock(v->domain);
    entry = entry_at(v, host_addr, flags);
    ok = entry && ((READ_ONCE(*entry) ^ want) & (PTE_FRAME | PTE_PRESENT | PTE_RW)) == 0;
    if (likely(ok)) {
        __atomic_store_n(entry, 0, __ATOMIC_SEQ_CST);
        arch_frame_put(frame, want & PTE_RW);
    } else {
        refuse("grant unmapping", host_addr, flags, "the entry is not that mapping any more");
    }
    paging_unlock(v->domain);
    return likely(ok) ? GNTST_okay : GNTST_general_error;
}

/* All of the TLBs: an entry's table may be reachable at more than one address. */
void arch_grant_flush(void)
{
    tlb_flush(READ_ONCE(current->domain->arch.paging.tlb_cpus));
}
