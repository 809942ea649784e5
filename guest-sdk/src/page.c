#include <lamina/guest.h>

#define ENTRIES        512
#define LEVELS         4
#define INDEX(va, lvl) (((uint64_t)(va) >> (LM_PAGE_SHIFT + 9 * ((lvl)-1))) & (ENTRIES - 1))

static uint64_t *table_of(uint64_t entry)
{
    return lm_pfn_to_virt(lm_mfn_to_pfn(lm_pte_mfn(entry)));
}

const uint64_t *lm_pt_entry(const uint64_t *root, const void *address, unsigned level)
{
    const uint64_t *table = root;

    for (unsigned at = LEVELS; at > level; at--) {
        uint64_t entry = table[INDEX(address, at)];

        if (!(entry & LM_PTE_PRESENT))
            return NULL;
        table = table_of(entry);
    }
    return &table[INDEX(address, level)];
}

int lm_map(const void *address, uint64_t pte)
{
    return (int)hypercall_update_va_mapping((uint64_t)address, pte, UVMF_INVLPG | UVMF_LOCAL);
}

int lm_protect(const void *page, uint64_t flags)
{
    return lm_map(page, lm_pte(lm_virt_to_mfn(page), flags));
}

int lm_pt_write(const uint64_t *entry, uint64_t pte)
{
    uint64_t offset = (uint64_t)entry & (LM_PAGE_SIZE - 1);
    struct mmu_update update = {
        .ptr = lm_virt_to_mfn(entry) << LM_PAGE_SHIFT | offset | MMU_NORMAL_PT_UPDATE,
        .val = pte,
    };

    return (int)hypercall_mmu_update(&update, 1, NULL, DOMID_SELF);
}

void *lm_pool_take(struct lm_pool *pool)
{
    void *page = pool->first;

    if (!page)
        return NULL;
    pool->first = *(void **)page;
    pool->pages--;
    return memset(page, 0, LM_PAGE_SIZE);
}

void lm_pool_give(struct lm_pool *pool, void *page)
{
    *(void **)page = pool->first;
    pool->first = page;
    pool->pages++;
}

/* First page after everything that the builder made: its last piece is the boot stack, right after
 * the page tables. */
static uint64_t first_free_pfn(void)
{
    return lm_virt_to_pfn(lm_boot_root()) + lm_start_info->nr_pt_frames + 1;
}

static bool mapped(uint64_t pfn)
{
    const uint64_t *entry = lm_pt_entry(lm_boot_root(), lm_pfn_to_virt(pfn), 1);

    return entry && (*entry & LM_PTE_PRESENT);
}

void lm_pool_init(struct lm_pool *pool)
{
    pool->first = NULL;
    pool->pages = 0;
    for (uint64_t pfn = first_free_pfn(); pfn < lm_start_info->nr_pages && mapped(pfn); pfn++)
        lm_pool_give(pool, lm_pfn_to_virt(pfn));
}

/* Puts a table that is filled in below `entry`, which is absent, of a table that is in use. */
static int install(const uint64_t *entry, uint64_t *table)
{
    int error = lm_protect(table, LM_PTE_DATA & ~LM_PTE_WRITE);

    return error ? error : lm_pt_write(entry, lm_pte(lm_virt_to_mfn(table), LM_PTE_TABLE));
}

int lm_pt_reach(uint64_t *root, const void *address, struct lm_pool *pool)
{
    for (unsigned level = LEVELS; level > 1; level--) {
        const uint64_t *entry = lm_pt_entry(root, address, level);
        uint64_t *table;
        int error;

        if (*entry & LM_PTE_PRESENT)
            continue;
        table = lm_pool_take(pool);
        if (!table)
            return -XEN_ENOMEM;
        error = install(entry, table);
        if (error)
            return error;
    }
    return 0;
}

int lm_pool_add_all_memory(struct lm_pool *pool)
{
    uint64_t pfn = first_free_pfn();
    uint64_t end = lm_start_info->nr_pages;

    while (pfn < end && mapped(pfn))
        pfn++;
    while (pfn < end) {
        /* A whole L1 table at a time, filled in before it becomes one: then it costs no hypercall
         * an entry. The builder's own L1 tables are full up to their end. */
        const uint64_t *l2 = lm_pt_entry(lm_boot_root(), lm_pfn_to_virt(pfn), 2);
        uint64_t last = (pfn | (ENTRIES - 1)) + 1;
        uint64_t *l1;
        int error;

        if (last > end)
            last = end;
        if (!l2 || (*l2 & LM_PTE_PRESENT))
            return -XEN_EINVAL;
        l1 = lm_pool_take(pool);
        if (!l1)
            return -XEN_ENOMEM;
        for (uint64_t p = pfn; p < last; p++)
            l1[p % ENTRIES] = lm_pte(lm_pfn_to_mfn(p), LM_PTE_DATA);
        error = install(l2, l1);
        if (error)
            return error;
        for (; pfn < last; pfn++)
            lm_pool_give(pool, lm_pfn_to_virt(pfn));
    }
    return 0;
}

int lm_pt_pin_root(uint64_t *page)
{
    struct mmuext_op pin = {
        .cmd = MMUEXT_PIN_L4_TABLE,
        .arg1.mfn = lm_virt_to_mfn(page),
    };
    int error = lm_protect(page, LM_PTE_DATA & ~LM_PTE_WRITE);

    return error ? error : (int)hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF);
}
