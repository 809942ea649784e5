#include "boot/boot.h"
#include "core/log.h"
#include "cpu/apic.h"
#include "cpu/layout.h"
#include "lib/string.h"
#include "paging/paging.h"

#define LARGE_PAGE (2ul << 20)

extern const char image_start[], rodata_start[], data_start[], image_end[];

/* Free memory during boot: RAM without what is in use; some are empty. Each exclude() at most
 * doubles them. */
static struct range free_ranges[BOOT_RANGES_MAX * 4];
static unsigned nr_free;

static void exclude(uint64_t start, uint64_t end)
{
    start &= PAGE_MASK;
    end = round_up(end, PAGE_SIZE);
    for (unsigned i = 0, nr = nr_free; i < nr; i++) {
        struct range *r = &free_ranges[i];

        if (end <= r->start || start >= r->end)
            continue;
        free_ranges[nr_free++] = (struct range){end, r->end};
        r->end = start;
    }
}

/* From the top of the highest range that the boot page tables reach; zeroed. */
static uint64_t boot_alloc_page(void)
{
    struct range *best = NULL;

    for (unsigned i = 0; i < nr_free; i++) {
        struct range *r = &free_ranges[i];

        if (r->end > r->start && r->end <= BOOT_LIMIT && (!best || r->end > best->end))
            best = r;
    }
    if (!best)
        panic("out of memory while building the hypervisor's own tables");
    best->end -= PAGE_SIZE;
    memset((void *)(DIRECT_START + best->end), 0, PAGE_SIZE);
    return best->end;
}

/* The entry for va in the table of that level; tables on the way are made. They are the
 * hypervisor's alone by their entry in the L4 table. */
static uint64_t *entry_for(uint64_t va, unsigned level)
{
    uint64_t *table = paging_l4_template;

    for (unsigned l = 4; l > level; l--) {
        uint64_t *e = &table[pte_index(va, l)];

        if (!(*e & PTE_PRESENT))
            *e = boot_alloc_page() | PTE_PRESENT | PTE_RW | PTE_ACCESSED | (l < 4 ? PTE_USER : 0);
        table = (uint64_t *)(DIRECT_START + (*e & PTE_FRAME));
    }
    return &table[pte_index(va, level)];
}

#define FLAGS_TABLE (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY)
#define FLAGS_DATA  (FLAGS_TABLE | PTE_RW | PTE_NX)

static void map(uint64_t va, uint64_t pa, uint64_t bytes, uint64_t flags)
{
    for (uint64_t part; bytes; va += part, pa += part, bytes -= part) {
        const bool large = !((va | pa) % LARGE_PAGE) && bytes >= LARGE_PAGE;

        part = large ? LARGE_PAGE : PAGE_SIZE;
        *entry_for(va, large ? 2 : 1) = pa | flags | (large ? PTE_PSE : 0);
    }
}

static uint64_t image_pa(const char *symbol)
{
    return (uint64_t)symbol - IMAGE_START;
}

static void map_image(void)
{
    uint64_t text = image_pa(image_start), rodata = image_pa(rodata_start);
    uint64_t data = image_pa(data_start), end = image_pa(image_end);

    map(IMAGE_START + text, text, rodata - text, FLAGS_TABLE);
    map(IMAGE_START + rodata, rodata, data - rodata, FLAGS_TABLE | PTE_NX);
    map(IMAGE_START + data, data, end - data, FLAGS_DATA);
}

static bool mapped(uint64_t va)
{
    return *entry_for(va, 1) & PTE_PRESENT;
}

/* Pages for those elements of a table by frame number that stand for memory. */
static void map_table(const struct boot_info *info, uint64_t table, uint64_t element, int fill,
                      uint64_t flags)
{
    for (unsigned i = 0; i < info->nr_ram; i++) {
        uint64_t from = table + info->ram[i].start / PAGE_SIZE * element;
        uint64_t to = table + info->ram[i].end / PAGE_SIZE * element;

        for (uint64_t va = from & PAGE_MASK; va < to; va += PAGE_SIZE) {
            if (mapped(va))
                continue;

            uint64_t page = boot_alloc_page();

            memset((void *)(DIRECT_START + page), fill, PAGE_SIZE);
            map(va, page, PAGE_SIZE, flags);
        }
    }
}

static void map_frame_table(const struct boot_info *info, uint64_t max_mfn)
{
    const uint64_t size = sizeof(struct frame), end = FRAME_TABLE_START + max_mfn * size;
    uint64_t zeros = boot_alloc_page();

    map_table(info, FRAME_TABLE_START, size, 0, FLAGS_DATA);
    /* Frames that are no memory are all nobody's: one page of zeros, never written. */
    for (uint64_t va = FRAME_TABLE_START; va < end; va += PAGE_SIZE)
        if (!mapped(va))
            map(va, zeros, PAGE_SIZE, FLAGS_TABLE | PTE_NX);
}

/* Both slots have the same tables; the entry in the L4 table says who may do what. */
static void map_m2p(const struct boot_info *info)
{
    uint64_t *l4 = paging_l4_template;

    map_table(info, M2P_RW_START, sizeof(uint64_t), 0xff, FLAGS_DATA | PTE_USER);
    l4[L4_SLOT_M2P] = (l4[L4_SLOT_M2P_RW] & ~PTE_RW) | PTE_USER;
}

static void add_free(uint64_t start, uint64_t end)
{
    if (end > start)
        frames_add_free(mfn(start / PAGE_SIZE), (end - start) / PAGE_SIZE);
}

void memory_init(const struct boot_info *info, uint64_t hpet)
{
    const uint64_t max_mfn = info->ram_end / PAGE_SIZE;

    if (!info->nr_ram)
        panic("no memory: the loader's map has no usable range");
    memcpy(free_ranges, info->ram, info->nr_ram * sizeof(info->ram[0]));
    nr_free = info->nr_ram;
    exclude(0, image_pa(image_end)); /* the first MiB is the firmware's, and for starting CPUs */
    exclude(info->module.start, info->module.end);

    for (unsigned i = 0; i < info->nr_ram; i++)
        map(DIRECT_START + info->ram[i].start, info->ram[i].start,
            info->ram[i].end - info->ram[i].start, FLAGS_DATA);
    map_image();
    map(APIC_VA, APIC_PHYS, PAGE_SIZE, FLAGS_DATA | PTE_PCD | PTE_PWT);
    if (hpet)
        map(HPET_VA, hpet & PAGE_MASK, PAGE_SIZE, FLAGS_DATA | PTE_PCD | PTE_PWT);
    map_m2p(info);
    map_frame_table(info, max_mfn);

    paging_leave();
    frames_max = max_mfn;
    for (unsigned i = 0; i < nr_free; i++)
        add_free(free_ranges[i].start, free_ranges[i].end);
}

void memory_release_module(const struct boot_info *info)
{
    uint64_t start = MAX(info->module.start & PAGE_MASK, image_pa(image_end));

    add_free(start, round_up(info->module.end, PAGE_SIZE));
}
