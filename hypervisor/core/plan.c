#include "abi/xen.h"
#include "core/log.h"
#include "core/plan.h"

#define PADDING_PAGES  (512 * 1024 / PAGE_SIZE) /* at least, after the last element */
#define BOOT_ALIGNMENT (4ul << 20)              /* of the boot area's end */
#define LOWER_HALF_END 0x0000800000000000ul
#define PAGES_PER_MIB  (1ul << (20 - PAGE_SHIFT))
#define LAST_BOUNDARY  (-BOOT_ALIGNMENT) /* so that an end never is 2^64 */

static uint64_t pages_for(uint64_t bytes)
{
    return bytes / PAGE_SIZE + (bytes % PAGE_SIZE != 0);
}

static uint64_t area_end(const struct plan_range *area)
{
    return area->virt + area->pages * PAGE_SIZE;
}

/* Guests have the lower half, and what is above the hypervisor's part of the upper one. */
static bool for_guests(uint64_t start, uint64_t pages)
{
    const uint64_t room = LOWER_HALF_END / PAGE_SIZE;
    const uint64_t first = start / PAGE_SIZE;

    if (pages > room || start > LAST_BOUNDARY)
        return false;
    return first + pages <= room ||
           (start >= HYPERVISOR_VIRT_END && first + pages <= LAST_BOUNDARY / PAGE_SIZE);
}

/* How many tables, L1 to L3, the area has for itself. The p2m area does without those that the boot
 * area has already: they do not overlap, so it can only be one of a level, at the edge. */
static uint64_t count_tables(const struct build_plan *plan, const struct plan_range *area)
{
    const struct plan_range *boot = &plan->area[PLAN_BOOT];
    uint64_t total = 0;

    for (unsigned level = 1; level <= 3; level++) {
        const unsigned shift = PAGE_SHIFT + 9 * level;
        uint64_t first = area->virt >> shift, last = (area_end(area) - 1) >> shift;

        total += last + 1 - first;
        if (area->virt < boot->virt)
            total -= last == boot->virt >> shift;
        else if (area->virt > boot->virt)
            total -= first == (area_end(boot) - 1) >> shift;
    }
    return total;
}

/* Pages are handed out one after the other, and mapped if there is an address. */
static struct plan_range take(uint64_t *next, uint64_t pages, uint64_t virt_base)
{
    const uint64_t pfn = *next;
    const uint64_t virt = virt_base == NO_ADDRESS ? NO_ADDRESS : virt_base + pfn * PAGE_SIZE;

    *next += pages;
    return (struct plan_range){virt, pfn, pages};
}

/* Finds the smallest area that maps itself: `used` pages, its page tables, a stack and the padding.
 * More tables can move the end over a boundary, and then even more are needed. Returns how many; 0:
 * the guest's address space ends before. */
static uint64_t size_boot_area(struct build_plan *plan, uint64_t used)
{
    struct plan_range *boot = &plan->area[PLAN_BOOT];
    uint64_t tables, needed = 0;

    do {
        tables = needed;
        boot->pages = used + tables + 1 + PADDING_PAGES;
        if (!for_guests(boot->virt, boot->pages))
            return 0;
        boot->pages = (round_up(area_end(boot), BOOT_ALIGNMENT) - boot->virt) / PAGE_SIZE;
        needed = 1 + count_tables(plan, boot);
    } while (needed > tables);
    return tables;
}

static bool place_p2m_area(struct build_plan *plan, uint64_t virt, const char *name)
{
    const struct plan_range *boot = &plan->area[PLAN_BOOT];
    struct plan_range *area = &plan->area[PLAN_P2M];

    area->virt = virt;
    area->pages = pages_for(plan->nr_pages * sizeof(uint64_t));
    if (for_guests(virt, area->pages) && (area_end(area) <= boot->virt || virt >= area_end(boot)))
        return true;
    log_line(
        "/domains/%s: kernel: note INIT_P2M = %#lx for %lu pages: expected a place for guests, "
        "outside %#lx .. %#lx",
        name, virt, area->pages, boot->virt, area_end(boot));
    return false;
}

/* Returns how many pages it takes, which may be more than nr_pages; 0: impossible, logged. */
static uint64_t lay_out(struct build_plan *plan, const struct image *img, uint64_t ramdisk_pages,
                        uint64_t nr_pages, const char *name)
{
    struct plan_range *boot = &plan->area[PLAN_BOOT], *p2m_area = &plan->area[PLAN_P2M];
    const bool map_ramdisk = !img->ramdisk_by_pfn;
    const uint64_t base = img->virt_base;
    uint64_t next = (img->virt_start - base) / PAGE_SIZE, tables;

    *plan = (struct build_plan){.nr_pages = nr_pages, .area[PLAN_BOOT].virt = base};
    plan->kernel = take(&next, pages_for(img->virt_end - base) - next, base);
    if (map_ramdisk)
        plan->ramdisk = take(&next, ramdisk_pages, base);
    if (img->init_p2m == NO_ADDRESS)
        plan->p2m = take(&next, pages_for(nr_pages * sizeof(uint64_t)), base);
    plan->start_info = take(&next, 1, base);
    plan->xenstore = take(&next, 1, base);
    plan->console = take(&next, 1, base);
    tables = size_boot_area(plan, next);
    if (tables == 0) {
        log_line(
            "/domains/%s: kernel: initial mapping of %lu pages from %#lx: expected room for it "
            "in the guest's address space",
            name, next, base);
        return 0;
    }
    plan->page_tables = take(&next, tables, base);
    plan->stack = take(&next, 1, base);

    next = boot->pages;
    if (!map_ramdisk)
        plan->ramdisk = take(&next, ramdisk_pages, NO_ADDRESS);
    if (img->init_p2m != NO_ADDRESS) {
        if (!place_p2m_area(plan, img->init_p2m, name))
            return 0;
        p2m_area->pfn = next;
        plan->p2m = *p2m_area;
        next += p2m_area->pages;
        plan->p2m_tables = take(&next, count_tables(plan, p2m_area), NO_ADDRESS);
    }
    return next;
}

bool plan_make(struct build_plan *plan, const struct image *img, size_t ramdisk_bytes,
               uint64_t nr_pages, const char *name)
{
    const uint64_t ramdisk_pages = pages_for(ramdisk_bytes);
    uint64_t wanted = nr_pages, pages;

    /* More memory has a longer p2m, which takes more memory. */
    while ((pages = lay_out(plan, img, ramdisk_pages, wanted, name)) > wanted)
        wanted = round_up(pages, PAGES_PER_MIB);
    if (wanted > nr_pages && pages != 0)
        log_line("/domains/%s: memory = <%lu>: expected <%lu> (MiB) or more, for a kernel of %lu "
                 "KiB and a ramdisk of %lu KiB",
                 name, nr_pages / PAGES_PER_MIB, wanted / PAGES_PER_MIB,
                 pages_for(img->virt_end - img->virt_start) * 4, ramdisk_pages * 4);
    return wanted == nr_pages && pages != 0;
}
