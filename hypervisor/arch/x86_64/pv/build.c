/* Builds a domain from its configuration: frames, page tables and contents as the plan says, and
 * the first vCPU. */
#include "core/config.h"
#include "core/hypercall.h"
#include "core/log.h"
#include "core/plan.h"
#include "lib/format.h"
#include "lib/string.h"
#include "paging/paging.h"
#include "pv/pv.h"

/* Frames come in blocks, the largest that there are; this is where each pfn's frame is found. */
#define MAX_BLOCKS      1024 /* a power of two */
#define BLOCK_ORDER_MAX 9

static struct block {
    uint64_t pfn, mfn;
} blocks[MAX_BLOCKS];
static unsigned nr_blocks;

static mfn_t frame_of(uint64_t pfn_number)
{
    unsigned found = 0;

    for (unsigned step = MAX_BLOCKS / 2; step; step /= 2)
        if (found + step < nr_blocks && blocks[found + step].pfn <= pfn_number)
            found += step;
    return mfn(blocks[found].mfn + (pfn_number - blocks[found].pfn));
}

static void *page_of(uint64_t pfn_number)
{
    return frame_bytes(frame_of(pfn_number));
}

/* Adjacent blocks are joined, so that memory in one piece takes one entry. */
static bool remember_block(uint64_t first_pfn, mfn_t start)
{
    if (nr_blocks && first_pfn - blocks[nr_blocks - 1].pfn == start.n - blocks[nr_blocks - 1].mfn)
        return true;
    if (nr_blocks == MAX_BLOCKS)
        return false;
    blocks[nr_blocks++] = (struct block){first_pfn, start.n};
    return true;
}

static bool allot_frames(struct domain *d, uint64_t nr_pages)
{
    unsigned order = BLOCK_ORDER_MAX;

    nr_blocks = 0;
    for (uint64_t pfn_number = 0; pfn_number < nr_pages;) {
        mfn_t start = INVALID_MFN;

        if (nr_pages - pfn_number >= 1ul << order)
            start = arch_populate(d, pfn(pfn_number), order, 0);
        if (mfn_equal(start, INVALID_MFN)) {
            if (order-- == 0)
                return false;
            continue;
        }
        if (!remember_block(pfn_number, start))
            return false;
        pfn_number += 1ul << order;
    }
    return true;
}

/* Copies to the domain's memory, of which `offset` counts the bytes from pfn 0 on. */
static void put(uint64_t offset, const void *bytes, uint64_t count)
{
    const char *from = bytes;

    while (count) {
        uint64_t in_page = offset % PAGE_SIZE;
        uint64_t part = MIN(count, PAGE_SIZE - in_page);

        memcpy((char *)page_of(offset / PAGE_SIZE) + in_page, from, part);
        offset += part;
        from += part;
        count -= part;
        cond_resched();
    }
}

/* The entry for va in the table of that level; the tables above it are there. */
static uint64_t *entry_for(const struct build_plan *plan, uint64_t va, unsigned level)
{
    uint64_t *table = page_of(plan->page_tables.pfn);

    for (unsigned above = 4; above > level; above--)
        table = pte_table(table[pte_index(va, above)]);
    return &table[pte_index(va, level)];
}

/* Level by level from the top; a table that is missing is the next page from next_table on. */
static void map_area(const struct build_plan *plan, const struct plan_range *area,
                     uint64_t next_table)
{
    const uint64_t flags = PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY;
    const struct plan_range *tables = &plan->page_tables;

    for (unsigned level = 4; level >= 1; level--) {
        uint64_t span = PAGE_SIZE << 9 * (level - 1), va = area->virt & -span;

        /* The distance is what counts: the area may end at the very top of the address space. */
        for (uint64_t left = area->virt + area->pages * PAGE_SIZE - va; left; va += span) {
            uint64_t *entry = entry_for(plan, va, level);
            uint64_t target = area->pfn + (va - area->virt) / PAGE_SIZE;

            if (level == 1)
                *entry = pte_make(frame_of(target),
                                  target - tables->pfn < tables->pages ? flags & ~PTE_RW : flags);
            else if (!*entry)
                *entry = pte_make(frame_of(next_table++), flags | PTE_USER);
            left -= MIN(left, span);
            cond_resched();
        }
    }
}

static void fill_p2m(const struct build_plan *plan)
{
    for (uint64_t i = 0; i < plan->nr_pages; i++) {
        uint64_t *page = page_of(plan->p2m.pfn + i / (PAGE_SIZE / 8));

        page[i % (PAGE_SIZE / 8)] = frame_of(i).n;
        cond_resched_each(512, i);
    }
}

/* 128 entries of 32 bytes: push rcx, r11; mov $n,%eax; syscall; pop r11, rcx; ret. iret leaves its
 * caller's registers on the stack instead, and does not come back. */
static void fill_hypercall_page(const struct image *image)
{
    static const uint8_t call[] = {0x51, 0x41, 0x53, 0xb8, 0,    0,    0,
                                   0,    0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
    static const uint8_t iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret,
                                   0,    0,    0,    0x0f, 0x05};
    uint8_t *page;

    if (image->hypercall_page == NO_ADDRESS)
        return;
    page = page_of((image->hypercall_page - image->virt_base) / PAGE_SIZE);
    memset(page, 0xcc, PAGE_SIZE);
    for (unsigned n = 0; n < PAGE_SIZE / 32; n++) {
        memcpy(page + n * 32, call, sizeof(call));
        page[n * 32 + 4] = n;
    }
    memcpy(page + __HYPERVISOR_iret * 32, iret, sizeof(iret));
}

static void fill_start_info(const struct domain *d, const struct domain_config *config,
                            const struct build_plan *plan)
{
    struct start_info *si = page_of(plan->start_info.pfn);

    format(si->magic, sizeof(si->magic), "xen-3.0-x86_64");
    si->nr_pages = plan->nr_pages;
    si->shared_info = arch_page_mfn(d->shared).n << PAGE_SHIFT;
    si->store_mfn = frame_of(plan->xenstore.pfn).n;
    si->console.domU.mfn = frame_of(plan->console.pfn).n;
    si->console.domU.evtchn = d->console.port;
    si->pt_base = plan->page_tables.virt;
    si->nr_pt_frames = plan->page_tables.pages;
    si->mfn_list = plan->p2m.virt;
    if (plan->area[PLAN_P2M].pages) {
        si->first_p2m_pfn = plan->p2m.pfn;
        si->nr_p2m_frames = plan->p2m.pages + plan->p2m_tables.pages;
    }
    if (config->ramdisk.data) {
        bool by_pfn = plan->ramdisk.virt == NO_ADDRESS;

        si->mod_start = by_pfn ? plan->ramdisk.pfn : plan->ramdisk.virt;
        si->mod_len = config->ramdisk.size;
        si->flags |= by_pfn ? SIF_MOD_START_PFN : 0;
    }
    format((char *)si->cmd_line, sizeof(si->cmd_line), "%s", config->bootargs);
}

static bool fill(struct domain *d, const struct domain_config *config, const struct image *image,
                 const struct build_plan *plan)
{
    const mfn_t console = frame_of(plan->console.pfn);
    struct vcpu *v = d->vcpu[0];
    struct image_segment seg;

    for (unsigned cursor = 0; image_next_segment(image, &cursor, &seg);)
        put(seg.virt - image->virt_base, image->file + seg.offset, seg.file_bytes);
    put(plan->ramdisk.pfn * PAGE_SIZE, config->ramdisk.data, config->ramdisk.size);
    fill_p2m(plan);
    fill_hypercall_page(image);
    map_area(plan, &plan->area[PLAN_BOOT], plan->page_tables.pfn + 1);
    map_area(plan, &plan->area[PLAN_P2M], plan->p2m_tables.pfn);

    if (evtchn_alloc_hypervisor_port(d, console_ring_event, &d->console.port) ||
        arch_frame_get(console, d, true))
        return false;
    d->console.ring_frame = console;
    d->console.ring = arch_frame_bytes(console);
    fill_start_info(d, config, plan);
    if (paging_install_l4(v, frame_of(plan->page_tables.pfn)))
        return false;
    pv_vcpu_start(v, image->entry, plan->stack.virt + PAGE_SIZE, plan->start_info.virt);
    return true;
}

/* The version that the kernel was made for, or else the newest; the tree may set a limit. */
static const struct abi_version *choose_abi(const struct domain_config *config,
                                            const struct image *image)
{
    const uint32_t newest = LAMINA_ABI_VERSION;
    uint32_t limit = config->abi_version ? MIN(config->abi_version, newest) : newest;
    uint64_t wanted = image->abi_version ? image->abi_version : limit;

    if (wanted > limit) {
        log_line("/domains/%s: kernel: wants ABI version %lu: expected at most %u", config->name,
                 wanted, limit);
        return NULL;
    }
    return abi_version_find(wanted);
}

struct domain *build_domain(const struct domain_config *config)
{
    static struct image image;
    static struct build_plan plan;
    const struct abi_version *abi;
    struct domain *d = NULL;

    if (!image_parse(&image, config->kernel.data, config->kernel.size, config->name) ||
        !plan_make(&plan, &image, config->ramdisk.size, config->pages, config->name) ||
        !(abi = choose_abi(config, &image)))
        return NULL;
    if (config->pages <= frames_free_count())
        d = domain_create(config);
    if (d) {
        d->abi = abi;
        if (allot_frames(d, plan.nr_pages) && fill(d, config, &image, &plan)) {
            log_line("%s: domain %u, %u MiB, %u vCPU%s, kernel %lu KiB%s%s, ramdisk %lu KiB, "
                     "ABI version %u",
                     d->name, d->id, config->memory, d->nr_vcpus, d->nr_vcpus > 1 ? "s" : "",
                     config->kernel.size >> 10, image.guest_os[0] ? " of " : "", image.guest_os,
                     config->ramdisk.size >> 10, d->abi->number);
            return d;
        }
        domain_destroy(d);
    }
    log_line("/domains/%s: memory = <%u>: could not be built: expected it, and what %u vCPUs take, "
             "in the %lu MiB that are free",
             config->name, config->memory, config->vcpus, frames_free_count() >> 8);
    return NULL;
}
