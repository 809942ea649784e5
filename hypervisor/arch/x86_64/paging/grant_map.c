/* Page-table entries of grant mappings. */
#include "paging/entry_refs.h"
#include "paging/update.h"

static uint64_t entry_of(mfn_t frame, uint32_t flags)
{
    uint64_t pte = pte_make(frame, PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY);

    if (flags & GNTMAP_application_map)
        pte |= PTE_USER;
    if (!(flags & GNTMAP_readonly))
        pte |= PTE_RW;
    pte |= (uint64_t)(flags >> _GNTMAP_guest_avail0) << 9 & PTE_AVAIL;
    return pte_adjust_l1(pte);
}

/* The entry that host_addr names. NULL: there is none in an L1 table in use of the domain. */
static uint64_t *entry_at(struct vcpu *v, uint64_t host_addr, uint32_t flags)
{
    const struct frame *f;
    unsigned index;
    mfn_t table;
    uint64_t word;

    if (!(flags & GNTMAP_contains_pte)) {
        if (!find_l1(v->arch.paging.kernel_l4, host_addr, &table, &index))
            return NULL;
    } else {
        table = mfn(host_addr >> PAGE_SHIFT);
        index = host_addr / 8 % TABLE_ENTRIES;
        f = frame_lookup(table);
        if (host_addr % 8 != 0 || !f || READ_ONCE(f->owner) != owner_number(v->domain))
            return NULL;
        /* Read once: a page that is no table may change its type at any time. */
        word = READ_ONCE(f->type);
        if (TYPE_OF(word) != TYPE_L1 || (word & TYPE_USES) == 0)
            return NULL;
    }
    return (uint64_t *)frame_bytes(table) + index;
}

int arch_grant_map(uint64_t host_addr, mfn_t frame, uint32_t flags)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    uint64_t pte = entry_of(frame, flags), old, *entry;

    /* Whoever the owner is: the caller holds the frame. */
    if (l1_entry_get(pte, frame_at(frame)->owner) != 0)
        return GNTST_general_error;
    paging_lock(d);
    entry = entry_at(v, host_addr, flags);
    if (entry) {
        old = READ_ONCE(*entry);
        WRITE_ONCE(*entry, pte);
    } else {
        old = pte;
    }
    if (old & PTE_PRESENT)
        l1_entry_put(old, d, tlb_stamp());
    paging_unlock(d);
    return entry ? GNTST_okay : GNTST_general_error;
}

int arch_grant_unmap(uint64_t host_addr, mfn_t frame, uint32_t flags)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    uint64_t want = entry_of(frame, flags), old, *entry;
    const uint64_t must_agree = PTE_FRAME | PTE_PRESENT | PTE_RW;

    paging_lock(d);
    entry = entry_at(v, host_addr, flags);
    old = entry ? READ_ONCE(*entry) : 0;
    if (!entry || ((old ^ want) & must_agree) != 0) {
        paging_unlock(d);
        return GNTST_general_error;
    }
    WRITE_ONCE(*entry, 0);
    /* All of the TLB: the entry's table may be reachable at more than one address. */
    tlb_flush(READ_ONCE(d->arch.paging.tlb_cpus));
    if (old & PTE_RW)
        frame_put_use(frame_at(frame));
    frame_put(frame_at(frame));
    paging_unlock(d);
    return GNTST_okay;
}
