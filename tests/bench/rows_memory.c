/* Page tables, descriptors, grants. */
#include "bench.h"

#define BATCH 128

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static char window[BATCH * LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));

/* --- entries of tables in use: those of `window` --- */

static uint64_t present;
static struct mmu_update update;
static uint32_t done;

static struct mmu_update update_of(const void *page)
{
    const uint64_t *at = lm_pt_entry(lm_boot_root(), page, 1);

    return (struct mmu_update){
        .ptr = lm_virt_to_mfn(at) << LM_PAGE_SHIFT | ((uint64_t)at & (LM_PAGE_SIZE - 1)),
        .val = lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA),
    };
}

static bool find_entry(void)
{
    update = update_of(window);
    present = update.val;
    return hypercall_mmu_update(&update, 1, NULL, DOMID_SELF) == 0;
}

static void put_back(void)
{
    lm_map(window, present);
}

static void update_same(unsigned rounds)
{
    REPEAT(rounds, hypercall_mmu_update(&update, 1, &done, DOMID_SELF));
}

static void update_toggle(unsigned rounds)
{
    REPEAT(rounds, {
        update.val ^= present;
        hypercall_mmu_update(&update, 1, &done, DOMID_SELF);
    });
}

/* Each call turns 128 entries the other way. */
static struct mmu_update batches[2][BATCH];

static bool find_entries(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        batches[0][i] = batches[1][i] = update_of(&window[i * LM_PAGE_SIZE]);
        batches[0][i].val = 0;
    }
    return true;
}

static void update_batch(unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++)
        hypercall_mmu_update(batches[i % 2], BATCH, &done, DOMID_SELF);
}

static void va_toggle(unsigned rounds)
{
    uint64_t val = present;

    REPEAT(rounds, {
        val ^= present;
        hypercall_update_va_mapping((uint64_t)window, val, UVMF_NONE);
    });
}

static void va_same_invlpg(unsigned rounds)
{
    REPEAT(rounds, hypercall_update_va_mapping((uint64_t)window, present, UVMF_INVLPG));
}

static bool refused;

static void refuse(struct lm_trap_frame *frame)
{
    refused = true;
    frame->rip = frame->rax;
}

/* Lamina takes the assist from kernels that switch it on, whether it emulates writes or not. */
static bool begin_direct(void)
{
    const uint64_t *live = lm_pt_entry(lm_boot_root(), window, 1);

    if (!find_entry() ||
        hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables) != 0)
        return false;
    refused = false;
    lm_trap_handle(14, refuse);
    __asm__ volatile("movq $1f, %%rax; movq %0, (%1); 1:"
                     :
                     : "r"(present), "r"(live)
                     : "rax", "memory");
    lm_trap_handle(14, NULL);
    return !refused;
}

static void direct_write(unsigned rounds)
{
    volatile uint64_t *live = (uint64_t *)lm_pt_entry(lm_boot_root(), window, 1);
    uint64_t val = present;

    REPEAT(rounds, {
        val ^= present;
        *live = val;
    });
}

static void end_direct(void)
{
    hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_writable_pagetables);
    put_back();
}

/* --- mmuext_op --- */

static struct mmuext_op op, other_op;

static void one_op(unsigned rounds)
{
    REPEAT(rounds, hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF));
}

static void two_ops(unsigned rounds)
{
    REPEAT(rounds, {
        hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
        hypercall_mmuext_op(&other_op, 1, NULL, DOMID_SELF);
    });
}

static bool begin_flush(void)
{
    op = (struct mmuext_op){.cmd = MMUEXT_TLB_FLUSH_LOCAL};
    return true;
}

static uint64_t *l1;

static bool begin_pin(void)
{
    l1 = bench_page();
    for (unsigned i = 0; i < BATCH; i++)
        l1[i] = lm_pte(lm_virt_to_mfn(bench_page()), LM_PTE_DATA);
    lm_protect(l1, LM_PTE_DATA & ~LM_PTE_WRITE);
    op = (struct mmuext_op){.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = lm_virt_to_mfn(l1)};
    other_op = (struct mmuext_op){.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = op.arg1.mfn};
    return true;
}

static bool begin_same_base(void)
{
    op = (struct mmuext_op){.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = lm_virt_to_mfn(lm_boot_root())};
    return true;
}

static uint64_t *second_root;

/* Two roots with the same kernel half. */
static bool begin_switch_base(void)
{
    second_root = bench_page();
    second_root[511] = lm_boot_root()[511];
    other_op =
        (struct mmuext_op){.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = lm_virt_to_mfn(second_root)};
    return begin_same_base() && lm_pt_pin_root(second_root) == 0;
}

static void back_to_first_root(void)
{
    hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static bool begin_user_base(void)
{
    uint64_t *root = bench_page();

    op = (struct mmuext_op){.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = lm_virt_to_mfn(root)};
    return lm_pt_pin_root(root) == 0;
}

/* --- grants --- */

static struct lm_grants grants;
static struct gnttab_map_grant_ref map;
static struct gnttab_unmap_grant_ref unmap;
static struct gnttab_copy copy;

/* A grant of a page to ourselves. */
static int grant_self(void *page)
{
    int port = lm_event_alloc(DOMID_SELF);
    struct evtchn_status status = {.dom = DOMID_SELF, .port = port};

    if (!grants.table && lm_grants_init(&grants, grant_area, 1) != 0)
        return -1;
    status.port = lm_event_bind(DOMID_SELF, port);
    hypercall_event_channel_op(EVTCHNOP_status, &status);
    map.dom = status.u.interdomain.dom;
    return lm_grant_access(&grants, map.dom, lm_virt_to_mfn(page), false);
}

static bool begin_map(void)
{
    int ref = grant_self(bench_page());

    map.host_addr = unmap.host_addr = (uint64_t)window;
    map.flags = GNTMAP_host_map;
    map.ref = ref;
    return ref > 0 && hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1) == 0 &&
           map.status == 0 && (unmap.handle = map.handle, true) &&
           hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1) == 0;
}

static void map_unmap(unsigned rounds)
{
    REPEAT(rounds, {
        hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
        unmap.handle = map.handle;
        hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
    });
}

static bool begin_copy(unsigned length)
{
    int from = grant_self(bench_page());
    int to = grant_self(bench_page());

    copy = (struct gnttab_copy){
        .source = {.u.ref = from, .domid = map.dom},
        .dest = {.u.ref = to, .domid = map.dom},
        .len = length,
        .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref,
    };
    return from > 0 && to > 0 && hypercall_grant_table_op(GNTTABOP_copy, &copy, 1) == 0 &&
           copy.status == 0;
}

static bool begin_copy_page(void)
{
    return begin_copy(LM_PAGE_SIZE);
}

static bool begin_copy_64(void)
{
    return begin_copy(64);
}

static void copies(unsigned rounds)
{
    REPEAT(rounds, hypercall_grant_table_op(GNTTABOP_copy, &copy, 1));
}

/* --- descriptors --- */

static uint64_t gdt_mfn;

static bool begin_gdt(void)
{
    uint64_t *page = bench_page();

    gdt_mfn = lm_virt_to_mfn(page);
    lm_protect(page, LM_PTE_DATA & ~LM_PTE_WRITE);
    return hypercall_set_gdt(&gdt_mfn, 512) == 0;
}

static void no_gdt(void)
{
    hypercall_set_gdt(NULL, 0);
}

static void set_gdt(unsigned rounds)
{
    REPEAT(rounds, hypercall_set_gdt(&gdt_mfn, 512));
}

static void update_descriptor(unsigned rounds)
{
    REPEAT(rounds,
           hypercall_update_descriptor(gdt_mfn << LM_PAGE_SHIFT | 16, 0x00cff3000000fffful));
}

const struct row memory_rows[] = {
    {"mmu_update, 1 entry, same value", 1, find_entry, update_same, NULL},
    {"mmu_update, 1 entry, map/unmap", 1, find_entry, update_toggle, put_back},
    {"mmu_update, batch of 128, per entry", BATCH, find_entries, update_batch, NULL},
    {"update_va_mapping toggle, no flush", 1, find_entry, va_toggle, put_back},
    {"update_va_mapping same + INVLPG", 1, find_entry, va_same_invlpg, NULL},
    {"mmuext TLB_FLUSH_LOCAL", 1, begin_flush, one_op, NULL},
    {"pin + unpin an L1 with 128 entries", 1, begin_pin, two_ops, NULL},
    {"new_baseptr, same", 1, begin_same_base, one_op, NULL},
    {"new_baseptr, switch", 2, begin_switch_base, two_ops, back_to_first_root},
    {"new_user_baseptr, same", 1, begin_user_base, one_op, NULL},
    {"direct write to a live L1 (trapped, emulated), toggle", 1, begin_direct, direct_write,
     end_direct},
    {"grant map + unmap", 1, begin_map, map_unmap, NULL},
    {"grant copy 4096 bytes", 1, begin_copy_page, copies, NULL},
    {"grant copy 64 bytes", 1, begin_copy_64, copies, NULL},
    {"update_descriptor", 1, begin_gdt, update_descriptor, no_gdt},
    {"set_gdt, one frame", 1, begin_gdt, set_gdt, no_gdt},
    {.name = NULL},
};
