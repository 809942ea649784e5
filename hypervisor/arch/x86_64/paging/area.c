#include "paging/area.h"
#include "core/log.h"
#include "paging/type.h"
#include "paging/update.h"

#define TABLE_FLAGS (PTE_PRESENT | PTE_RW | PTE_ACCESSED)
/* The processor marks descriptors as accessed, so their pages are writable to us. */
#define AREA_FLAGS (PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define ZERO_FLAGS (PTE_PRESENT | PTE_ACCESSED | PTE_NX)

/* Behind the pages of a GDT that the guest does not use: null descriptors. */
static void *zero_page;

static uint64_t entry_for(const void *page, uint64_t flags)
{
    return pte_make(bytes_frame(page), flags);
}

int area_init(struct domain *d)
{
    struct paging_domain *p = &d->arch.paging;

    p->area_l3 = arch_alloc_pages(0);
    p->area_l2 = arch_alloc_pages(0);
    if (!zero_page)
        zero_page = arch_alloc_pages(0);
    if (!p->area_l3 || !p->area_l2 || !zero_page)
        return -XEN_ENOMEM;
    p->area_entry = entry_for(p->area_l3, TABLE_FLAGS);
    p->area_l3[pte_index(DOMAIN_AREA_START, 3)] = entry_for(p->area_l2, TABLE_FLAGS);
    for (unsigned i = 0; i * TABLE_ENTRIES < d->nr_vcpus * AREA_PAGES_PER_VCPU; i++) {
        p->area_l1[i] = arch_alloc_pages(0);
        if (!p->area_l1[i])
            return -XEN_ENOMEM;
        p->area_l2[pte_index(DOMAIN_AREA_START, 2) + i] = entry_for(p->area_l1[i], TABLE_FLAGS);
    }
    return 0;
}

void area_free(struct domain *d)
{
    struct paging_domain *p = &d->arch.paging;

    for (unsigned i = 0; i < AREA_L1_MAX; i++)
        arch_free_pages(p->area_l1[i], 0);
    arch_free_pages(p->area_l2, 0);
    arch_free_pages(p->area_l3, 0);
}

void area_init_vcpu(struct vcpu *v)
{
    unsigned first = v->id * AREA_PAGES_PER_VCPU;

    v->arch.paging.area =
        v->domain->arch.paging.area_l1[first / TABLE_ENTRIES] + first % TABLE_ENTRIES;
    for (unsigned i = 0; i < FIRST_RESERVED_GDT_PAGE; i++)
        v->arch.paging.area[i] = entry_for(zero_page, ZERO_FLAGS);
}

void area_set_cpu(struct vcpu *v, unsigned cpu)
{
    if (likely(v->arch.paging.gdt_cpu == cpu + 1))
        return;
    v->arch.paging.gdt_cpu = cpu + 1;
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
    unsigned pages = (entries + 511) / 512, old_pages, i;
    uint64_t *area = v->arch.paging.area, old[FIRST_RESERVED_GDT_PAGE];

    if (entries > FIRST_RESERVED_GDT_ENTRY)
        return -XEN_EINVAL;
    paging_lock(v->domain);
    old_pages = v->arch.paging.gdt_pages;
    for (i = 0; i < pages; i++)
        if (table_get(v->domain, mfn(frame_numbers[i]), TYPE_DESCRIPTOR, &asker))
            break;
    if (i < pages) {
        while (i-- > 0)
            table_put(v->domain, mfn(frame_numbers[i]));
        paging_unlock(v->domain);
        return -XEN_EINVAL;
    }
    for (i = 0; i < MAX(pages, old_pages); i++) {
        old[i] = area[i];
        WRITE_ONCE(area[i], i < pages ? pte_make(mfn(frame_numbers[i]), AREA_FLAGS)
                                      : entry_for(zero_page, ZERO_FLAGS));
    }
    v->arch.paging.gdt_pages = pages;
    tlb_flush_local();
    for (i = 0; i < old_pages; i++)
        table_put(v->domain, pte_frame(old[i]));
    paging_unlock(v->domain);
    return 0;
}

void ldt_unmap(struct vcpu *v)
{
    uint64_t *window = v->arch.paging.area + AREA_GDT_PAGES, old[AREA_LDT_PAGES];

    if (!v->arch.paging.ldt_mapped)
        return;
    v->arch.paging.ldt_mapped = false;
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
    uint64_t page = offset / PAGE_SIZE, entry = 0, *at;
    bool ok = false;

    *guest_va = p->ldt_base + offset;
    if (page * 512 >= p->ldt_entries)
        return false;
    paging_lock(v->domain);
    at = find_l1(p->kernel_l4, p->ldt_base + page * PAGE_SIZE);
    if (at)
        entry = READ_ONCE(*at);
    if (p->area[AREA_GDT_PAGES + page] & PTE_PRESENT) {
        ok = true;
    } else if ((entry & PTE_PRESENT) &&
               table_get(v->domain, pte_frame(entry), TYPE_DESCRIPTOR, &asker) == 0) {
        p->ldt_mapped = true;
        WRITE_ONCE(p->area[AREA_GDT_PAGES + page], pte_make(pte_frame(entry), AREA_FLAGS));
        ok = true;
    }
    paging_unlock(v->domain);
    return ok;
}
