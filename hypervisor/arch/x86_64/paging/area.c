/* The domain's own pages in slot 260: for each vCPU 16 pages of GDT, then 16 of LDT. The guest sees
 * them only through its segment registers; its frames there are descriptor pages. */
#include "core/log.h"
#include "paging/update.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_RW | PTE_ACCESSED)
/* The processor marks descriptors as accessed, so their pages are writable to us. */
#define AREA_FLAGS (PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define ZERO_FLAGS (PTE_PRESENT | PTE_ACCESSED | PTE_NX)

/* The block of pages that it takes: tables, and null descriptors for the pages of GDTs that the
 * guest does not use. From AREA_L1 on they are as many as the vCPUs need. */
enum { AREA_L3, AREA_L2, AREA_NULL, AREA_L1 };

static unsigned block_order(const struct domain *d)
{
    return d->nr_vcpus * AREA_PAGES_PER_VCPU > TABLE_ENTRIES ? 3 : 2;
}

static uint64_t *page_of(const struct domain *d, unsigned number)
{
    return d->arch.paging.area + number * TABLE_ENTRIES;
}

static uint64_t entry_for(const struct domain *d, unsigned number, uint64_t flags)
{
    return pte_make(bytes_frame(page_of(d, number)), flags);
}

int arch_domain_init(struct domain *d)
{
    struct paging_domain *p = &d->arch.paging;

    p->lock.rank = RANK_FRAMES;
    ASSERT((uint64_t)d % PAGE_SIZE == 0); /* struct frame names its owner by page number */
    p->area = arch_alloc_pages(block_order(d));
    if (!p->area)
        return -XEN_ENOMEM;
    p->area_entry = entry_for(d, AREA_L3, TABLE_FLAGS);
    *page_of(d, AREA_L3) = entry_for(d, AREA_L2, TABLE_FLAGS);
    for (unsigned i = 0; AREA_L1 + i < 1u << block_order(d); i++)
        page_of(d, AREA_L2)[i] = entry_for(d, AREA_L1 + i, TABLE_FLAGS);
    return 0;
}

void arch_domain_free(struct domain *d)
{
    ASSERT(d->arch.paging.frames == 0);
    arch_free_pages(d->arch.paging.area, block_order(d));
}

void paging_vcpu_init(struct vcpu *v)
{
    struct paging_vcpu *p = &v->arch.paging;

    p->kernel_l4 = p->user_l4 = INVALID_MFN;
    p->area = page_of(v->domain, AREA_L1) + v->id * AREA_PAGES_PER_VCPU;
    for (unsigned i = 0; i < FIRST_RESERVED_GDT_PAGE; i++)
        p->area[i] = entry_for(v->domain, AREA_NULL, ZERO_FLAGS);
}

void paging_set_cpu(struct vcpu *v, unsigned cpu)
{
    v->arch.paging.area[FIRST_RESERVED_GDT_PAGE] = pte_make(cpu_reserved_gdt_page(cpu), AREA_FLAGS);
}

uint64_t paging_ldt_va(const struct vcpu *v)
{
    return paging_gdt_va(v) + AREA_GDT_PAGES * PAGE_SIZE;
}

uint64_t paging_gdt_va(const struct vcpu *v)
{
    return DOMAIN_AREA_START + (uint64_t)v->id * AREA_PAGES_PER_VCPU * PAGE_SIZE;
}

int paging_set_gdt(struct vcpu *v, const uint64_t *frame_numbers, unsigned entries)
{
    static const struct asker asker = {.operation = "set_gdt"};
    unsigned pages = (entries + 511) / 512, nr = 0;
    uint64_t *area = v->arch.paging.area, old[FIRST_RESERVED_GDT_PAGE];
    bool ok;

    paging_lock(v->domain);
    while (nr < pages && table_get(v->domain, mfn(frame_numbers[nr]), TYPE_DESCRIPTOR, &asker) == 0)
        nr++;
    ok = nr == pages;
    if (ok) {
        nr = v->arch.paging.gdt_pages;
        v->arch.paging.gdt_pages = pages;
        for (unsigned i = 0; i < MAX(pages, nr); i++) {
            old[i] = pte_frame(area[i]).n;
            WRITE_ONCE(area[i], i < pages ? pte_make(mfn(frame_numbers[i]), AREA_FLAGS)
                                          : entry_for(v->domain, AREA_NULL, ZERO_FLAGS));
        }
        tlb_flush_local();
        frame_numbers = old;
    }
    /* Those that it had, or else got in vain. */
    while (nr-- > 0)
        table_put(v->domain, mfn(frame_numbers[nr]));
    paging_unlock(v->domain);
    return ok ? 0 : -XEN_EINVAL;
}

void ldt_unmap(struct vcpu *v)
{
    uint64_t *window = v->arch.paging.area + AREA_GDT_PAGES, old[AREA_LDT_PAGES];

    if (v->arch.paging.ldt_entries == 0)
        return;
    for (unsigned i = 0; i < AREA_LDT_PAGES; i++) {
        old[i] = window[i];
        WRITE_ONCE(window[i], 0);
    }
    tlb_flush_local();
    for (unsigned i = 0; i < AREA_LDT_PAGES; i++)
        if (old[i] & PTE_PRESENT)
            table_put(v->domain, pte_frame(old[i]));
}

int ldt_set(struct vcpu *v, uint64_t va, unsigned entries)
{
    struct paging_vcpu *p = &v->arch.paging;

    if (entries == 0)
        va = 0;
    if (entries > 8192 || va % PAGE_SIZE != 0 || va + (1ul << 47) >= 1ul << 48 ||
        (va >= RESERVED_START && va < RESERVED_END)) {
        guest_log(v->domain,
                  "set_ldt of %u entries at %#lx: at most 8192, on a page of the guest's", entries,
                  va);
        return -XEN_EINVAL;
    }
    if (p->ldt_entries == entries && p->ldt_base == va)
        return 0;
    paging_lock(v->domain);
    ldt_unmap(v);
    p->ldt_base = va;
    p->ldt_entries = entries;
    paging_unlock(v->domain);
    if (v == current)
        cpu_load_ldt(paging_ldt_va(v), entries);
    return 0;
}

bool paging_ldt_fault(uint64_t offset, uint64_t *guest_va)
{
    static const struct asker asker = {.operation = "load of an LDT page"};
    struct vcpu *v = current;
    struct paging_vcpu *p = &v->arch.paging;
    uint64_t page = offset / PAGE_SIZE, *window, *at, entry;
    bool ok;

    if (page >= AREA_LDT_PAGES)
        return false;
    *guest_va = p->ldt_base + offset;
    if (page * 512 >= p->ldt_entries)
        return false;
    window = &p->area[AREA_GDT_PAGES + page];
    paging_lock(v->domain);
    at = find_l1(p->kernel_l4, p->ldt_base + page * PAGE_SIZE);
    entry = at ? READ_ONCE(*at) : 0;
    if (!(*window & PTE_PRESENT) && (entry & PTE_PRESENT) &&
        table_get(v->domain, pte_frame(entry), TYPE_DESCRIPTOR, &asker) == 0)
        WRITE_ONCE(*window, pte_make(pte_frame(entry), AREA_FLAGS));
    ok = *window & PTE_PRESENT;
    paging_unlock(v->domain);
    return ok;
}
