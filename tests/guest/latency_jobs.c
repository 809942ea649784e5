/* What the worker does: calls whose length a guest can choose. */
#include "latency.h"

#define ENTRIES   512ul
#define READ_ONLY (LM_PTE_DATA & ~LM_PTE_WRITE)
#define L1S       16
#define BATCH     4096
#define PAGES     512

static uint64_t *new_page(void)
{
    static bool all;

    if (!all)
        lm_assert(lm_pool_add_all_memory(check_pool()) == 0);
    all = true;
    return check_page();
}

static void pin(unsigned level, const uint64_t *table, long expected)
{
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE + level - 1,
                           .arg1.mfn = lm_virt_to_mfn(table)};
    long rc = hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);

    if (rc != expected)
        lm_panic("pin as L%u: %ld, expected %ld", level, rc, expected);
    op.cmd = MMUEXT_UNPIN_TABLE;
    if (rc == 0)
        lm_assert(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF) == 0);
}

/* A table all of whose entries are the same, read-only from now on. */
static uint64_t *table_of(const void *page, unsigned count)
{
    uint64_t *table = new_page();

    for (unsigned i = 0; i < count; i++)
        table[i] = lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA);
    lm_assert(lm_protect(table, READ_ONLY) == 0);
    return table;
}

/* --- nothing: what the measurement itself costs --- */

static void stay_away(void)
{
    for (uint64_t end = lm_tsc() + 100000; lm_tsc() < end;)
        ;
}

/* --- page tables --- */

static uint64_t *l1, *wide_l2, *wide_l3, *wide_l4, *tree, *bad_l1, *bad_l2;

static void make_tables(void)
{
    uint64_t *data = new_page(), *l2 = new_page(), *l3 = new_page();

    l1 = table_of(data, ENTRIES);
    wide_l2 = table_of(l1, ENTRIES);
    wide_l3 = table_of(wide_l2, ENTRIES);
    wide_l4 = table_of(wide_l3, 256);

    for (unsigned i = 0; i < L1S; i++)
        l2[i] = lm_pte(lm_virt_to_mfn(table_of(data, ENTRIES)), LM_PTE_TABLE);
    lm_protect(l2, READ_ONLY);
    l3[0] = lm_pte(lm_virt_to_mfn(l2), LM_PTE_TABLE);
    lm_protect(l3, READ_ONLY);
    tree = table_of(l3, 1);

    bad_l1 = new_page();
    memcpy(bad_l1, l1, LM_PAGE_SIZE);
    bad_l1[ENTRIES - 1] = lm_pte(lm_virt_to_mfn(lm_boot_root()), LM_PTE_DATA);
    lm_protect(bad_l1, READ_ONLY);
    bad_l2 = new_page();
    memcpy(bad_l2, wide_l2, LM_PAGE_SIZE);
    bad_l2[ENTRIES - 1] = lm_pte(lm_virt_to_mfn(data), LM_PTE_TABLE);
    lm_protect(bad_l2, READ_ONLY);
}

static void pin_l1(void)
{
    pin(1, l1, 0);
}

static void pin_tree(void)
{
    pin(4, tree, 0);
}

static void pin_wide_l2(void)
{
    pin(2, wide_l2, 0);
}

static void pin_wide_l4(void)
{
    pin(4, wide_l4, 0);
}

static void pin_bad_l1(void)
{
    pin(1, bad_l1, -XEN_EBUSY);
}

static void pin_bad_l2(void)
{
    pin(2, bad_l2, -XEN_EINVAL);
}

static struct mmu_update updates[BATCH];

static uint64_t machine_address(const uint64_t *entry)
{
    return lm_virt_to_mfn(entry) << LM_PAGE_SHIFT | ((uint64_t)entry & (LM_PAGE_SIZE - 1));
}

/* One entry, mapped and unmapped over and over. */
static void make_l1_updates(void)
{
    const uint64_t *entry = lm_pt_entry(lm_boot_root(), new_page(), 1);

    for (unsigned i = 0; i < BATCH; i++)
        updates[i] = (struct mmu_update){machine_address(entry), i % 2 ? *entry : 0};
}

static void update_many(void)
{
    lm_assert(hypercall_mmu_update(updates, BATCH, NULL, DOMID_SELF) == 0);
}

/* An L2 entry that takes a full L1 into use and out of it again. */
static void make_l2_updates(void)
{
    uint64_t *l2 = table_of(l1, 1);
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L2_TABLE, .arg1.mfn = lm_virt_to_mfn(l2)};

    lm_assert(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF) == 0);
    for (unsigned i = 0; i < BATCH; i++)
        updates[i] = (struct mmu_update){machine_address(l2), i % 2 ? l2[0] : 0};
}

static void update_some(void)
{
    lm_assert(hypercall_mmu_update(updates, 16, NULL, DOMID_SELF) == 0);
}

/* --- other operations on pages --- */

static struct mmuext_op ops[PAGES];

static void make_flushes(void)
{
    for (unsigned i = 0; i < PAGES; i++)
        ops[i] = (struct mmuext_op){.cmd = MMUEXT_TLB_FLUSH_ALL};
}

static void make_copies(void)
{
    uint64_t to = lm_virt_to_mfn(new_page()), from = lm_virt_to_mfn(new_page());

    for (unsigned i = 0; i < PAGES; i++)
        ops[i] = (struct mmuext_op){.cmd = i % 2 ? MMUEXT_COPY_PAGE : MMUEXT_CLEAR_PAGE,
                                    .arg1.mfn = to,
                                    .arg2.src_mfn = from};
}

static void extended_operations(void)
{
    lm_assert(hypercall_mmuext_op(ops, PAGES, NULL, DOMID_SELF) == 0);
}

static uint64_t gdt[FIRST_RESERVED_GDT_PAGE];

static void make_gdt(void)
{
    for (unsigned i = 0; i < FIRST_RESERVED_GDT_PAGE; i++) {
        uint64_t *page = new_page();

        for (unsigned j = 0; j < ENTRIES; j++)
            page[j] = 0x00cf93000000fffful;
        lm_protect(page, READ_ONLY);
        gdt[i] = lm_virt_to_mfn(page);
    }
}

static void set_gdt(void)
{
    lm_assert(hypercall_set_gdt(gdt, FIRST_RESERVED_GDT_ENTRY) == 0);
    lm_assert(hypercall_set_gdt(NULL, 0) == 0);
}

/* --- ballooning --- */

static uint64_t frames[PAGES], pfns[PAGES];

static long reservation(unsigned cmd, uint64_t *list, uint64_t count, unsigned order)
{
    struct xen_memory_reservation r = {
        .extent_start = list, .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};

    return hypercall_memory_op(cmd, &r);
}

static void make_balloon(void)
{
    for (unsigned i = 0; i < PAGES; i++) {
        uint64_t *page = new_page();

        frames[i] = lm_virt_to_mfn(page);
        pfns[i] = lm_virt_to_pfn(page);
        lm_map(page, 0);
    }
}

static void balloon_singles(void)
{
    lm_assert(reservation(XENMEM_decrease_reservation, frames, PAGES, 0) == PAGES);
    memcpy(frames, pfns, sizeof(frames));
    lm_assert(reservation(XENMEM_populate_physmap, frames, PAGES, 0) == PAGES);
}

static void balloon_extent(void)
{
    uint64_t extent = pfns[0];

    lm_assert(reservation(XENMEM_decrease_reservation, frames, PAGES, 0) == PAGES);
    lm_assert(reservation(XENMEM_populate_physmap, &extent, 1, 9) == 1);
    lm_assert(reservation(XENMEM_decrease_reservation, &extent, 1, 9) == 1);
    memcpy(frames, pfns, sizeof(frames));
    lm_assert(reservation(XENMEM_populate_physmap, frames, PAGES, 0) == PAGES);
}

/* An extent that must lie lower than memory does: it is had, and given back. */
static void balloon_refused(void)
{
    uint64_t extent = pfns[0];
    struct xen_memory_reservation low = {.extent_start = &extent,
                                         .nr_extents = 1,
                                         .extent_order = 9,
                                         .mem_flags = XENMEMF_address_bits(13),
                                         .domid = DOMID_SELF};

    lm_assert(reservation(XENMEM_decrease_reservation, frames, PAGES, 0) == PAGES);
    lm_assert(hypercall_memory_op(XENMEM_populate_physmap, &low) == 0);
    lm_assert(hypercall_memory_op(XENMEM_increase_reservation, &low) == 0);
    memcpy(frames, pfns, sizeof(frames));
    lm_assert(reservation(XENMEM_populate_physmap, frames, PAGES, 0) == PAGES);
}

static void exchange(uint64_t nr_in, unsigned in_order, uint64_t nr_out, unsigned out_order,
                     uint64_t *extent)
{
    struct xen_memory_exchange e = {.in = {.extent_start = in_order ? extent : frames,
                                           .nr_extents = nr_in,
                                           .extent_order = in_order,
                                           .domid = DOMID_SELF},
                                    .out = {.extent_start = out_order ? extent : frames,
                                            .nr_extents = nr_out,
                                            .extent_order = out_order,
                                            .domid = DOMID_SELF}};

    lm_assert(hypercall_memory_op(XENMEM_exchange, &e) == 0);
}

/* Singles for an extent and back; and an exchange whose last page is refused. */
static void exchange_extent(void)
{
    uint64_t extent = pfns[0], last = frames[PAGES - 1];
    struct xen_memory_exchange bad = {
        .in = {.extent_start = frames, .nr_extents = PAGES, .domid = DOMID_SELF},
        .out = {.extent_start = &extent, .nr_extents = 1, .extent_order = 9, .domid = DOMID_SELF}};

    frames[PAGES - 1] = 0;
    lm_assert(hypercall_memory_op(XENMEM_exchange, &bad) == -XEN_EINVAL);
    frames[PAGES - 1] = last;
    exchange(PAGES, 0, 1, 9, &extent);
    memcpy(frames, pfns, sizeof(frames));
    exchange(1, 9, PAGES, 0, &extent);
}

/* --- grants --- */

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static struct gnttab_map_grant_ref maps[PAGES];
static struct gnttab_unmap_grant_ref unmaps[PAGES];
static struct gnttab_copy copies[PAGES];

/* Mapped where the balloon's pages were. */
static void make_grants(void)
{
    static struct lm_grants grants;
    uint16_t self = check_own_domid();
    int ref;

    lm_assert(lm_grants_init(&grants, grant_area, 1) == 0);
    ref = lm_grant_access(&grants, self, lm_virt_to_mfn(new_page()), false);
    for (unsigned i = 0; i < PAGES; i++) {
        maps[i] = (struct gnttab_map_grant_ref){.host_addr = (uint64_t)lm_pfn_to_virt(pfns[i]),
                                                .flags = GNTMAP_host_map,
                                                .ref = ref,
                                                .dom = self};
        copies[i] = (struct gnttab_copy){.source = {.u.ref = ref, .domid = self},
                                         .dest = {.u.ref = ref, .domid = self},
                                         .len = LM_PAGE_SIZE,
                                         .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref};
    }
}

static void map_grants(void)
{
    lm_assert(hypercall_grant_table_op(GNTTABOP_map_grant_ref, maps, PAGES) == 0);
    for (unsigned i = 0; i < PAGES; i++) {
        lm_assert(maps[i].status == 0);
        unmaps[i] = (struct gnttab_unmap_grant_ref){.host_addr = maps[i].host_addr,
                                                    .handle = maps[i].handle};
    }
    lm_assert(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, unmaps, PAGES) == 0);
}

static void copy_grants(void)
{
    lm_assert(hypercall_grant_table_op(GNTTABOP_copy, copies, PAGES) == 0);
    lm_assert(copies[0].status == 0 && copies[PAGES - 1].status == 0);
}

/* --- the rest --- */

static struct multicall_entry calls[BATCH];

static void make_calls(void)
{
    for (unsigned i = 0; i < BATCH; i++)
        calls[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
}

static void multicall(void)
{
    lm_assert(hypercall_multicall(calls, BATCH) == 0);
}

static struct trap_info traps[BATCH];

static void make_traps(void)
{
    for (unsigned i = 0; i + 1 < BATCH; i++)
        traps[i] = (struct trap_info){200, 3, FLAT_KERNEL_CS, 0x1000};
}

static void set_traps(void)
{
    lm_assert(hypercall_set_trap_table(traps) == 0);
}

static void make_ports(void)
{
    while (lm_event_alloc(DOMID_SELF) > 0)
        ;
}

/* With all ports taken: one is given back, had again, and the next is not to be had. */
static void make_searches(void)
{
    static struct evtchn_alloc_unbound search = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    static struct evtchn_close close;

    close.port = lm_event_alloc(DOMID_SELF);
    make_ports();
    for (unsigned i = 0; i < BATCH; i++)
        calls[i] =
            i % 3 == 0
                ? (struct multicall_entry){.op = __HYPERVISOR_event_channel_op,
                                           .args = {EVTCHNOP_close, (uint64_t)&close}}
                : (struct multicall_entry){.op = __HYPERVISOR_event_channel_op,
                                           .args = {EVTCHNOP_alloc_unbound, (uint64_t)&search}};
}

/* The last job: it takes the console's port too. */
static void close_ports(void)
{
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    lm_assert(hypercall_event_channel_op(EVTCHNOP_reset, &reset) == 0);
    make_ports();
}

/* To the FIFO ABI with 1023 pending events, a look for a port that is in no queue, which none is,
 * and back. */
static void there_and_back(void)
{
    static uint32_t words[LM_PAGE_SIZE / 4] __attribute__((aligned(LM_PAGE_SIZE)));
    static char block[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
    struct evtchn_init_control init = {.control_gfn = lm_virt_to_mfn(block)};
    struct evtchn_expand_array expand = {.array_gfn = lm_virt_to_mfn(words)};
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    memset(words, 0, sizeof(words));
    while (lm_event_bind_ipi(0) < 1023)
        ;
    for (uint32_t port = 1; port < 1024; port++)
        lm_event_send(port);
    lm_assert(hypercall_event_channel_op(EVTCHNOP_init_control, &init) == 0);
    while (hypercall_event_channel_op(EVTCHNOP_expand_array, &expand) == 0)
        ;
    for (uint32_t port = 1; port < 1024; port++)
        hypercall_event_channel_op(EVTCHNOP_close, &(struct evtchn_close){port});
    for (unsigned i = 0; i < LM_PAGE_SIZE / 4; i++)
        words[i] = 1u << EVTCHN_FIFO_LINKED;
    words[1023] = 0;
    lm_assert(lm_event_bind_ipi(0) == 1023);
    lm_assert(hypercall_event_channel_op(EVTCHNOP_reset, &reset) == 0);
}

static void close_all(void)
{
    close_ports();
    lm_assert(hypercall_event_channel_op(EVTCHNOP_reset, &(struct evtchn_reset){DOMID_SELF}) == 0);
}

const struct job jobs[] = {
    {"none: the guest runs", NULL, stay_away},
    {"pin and unpin an L1 of 512 entries", make_tables, pin_l1},
    {"pin and unpin an L4 with 16 such L1s", NULL, pin_tree},
    {"pin and unpin an L2 that names an L1 512 times", NULL, pin_wide_l2},
    {"pin and unpin an L4 wide at every level", NULL, pin_wide_l4},
    {"pin an L1 whose last entry is refused", NULL, pin_bad_l1},
    {"pin an L2 whose last entry is refused", NULL, pin_bad_l2},
    {"mmu_update of 4096 L1 entries", make_l1_updates, update_many},
    {"mmu_update of 16 L2 entries to a full L1", make_l2_updates, update_some},
    {"mmuext_op of 512 flushes", make_flushes, extended_operations},
    {"mmuext_op of 512 cleared and copied pages", make_copies, extended_operations},
    {"set_gdt of 14 pages", make_gdt, set_gdt},
    {"balloon: 512 pages", make_balloon, balloon_singles},
    {"balloon: an extent of 512 pages", NULL, balloon_extent},
    {"balloon: an extent that is not low enough", NULL, balloon_refused},
    {"exchange: 512 pages for an extent and back", NULL, exchange_extent},
    {"512 grants mapped and unmapped", make_grants, map_grants},
    {"512 grant copies of a page", NULL, copy_grants},
    {"multicall of 4096", make_calls, multicall},
    {"set_trap_table of 4095", make_traps, set_traps},
    {"multicall of 4096 that look for a free port", make_searches, multicall},
    {"reset of 4095 event channels", make_ports, close_ports},
    {"to FIFO event channels and back", close_all, there_and_back},
    {.name = NULL},
};
