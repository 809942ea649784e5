/* Bad pointers of every kind to every call of the table that takes one: each is answered with
 * -EFAULT, and neither the guest nor the hypervisor comes to harm. */
#include "provoke.h"

#define UNMAPPED 0x5000ul

struct bad_pointer {
    const char *kind;
    uint64_t address;
};

static struct bad_pointer bad[] = {
    {"unmapped", UNMAPPED},
    {"M2P", MACH2PHYS_VIRT_START + 64},
    {"hypervisor's image", 0xffff82d040200000},
    {"hypervisor's other image", 0xffff828000000000},
    {"direct map", 0xffff830000001000},
    {"into the hypervisor", HYPERVISOR_VIRT_START - 1},
    {"out of the hypervisor", HYPERVISOR_VIRT_END - 1},
    {"non-canonical", 0x0000800000000000},
    {"into the non-canonical", 0x00007fffffffffff},
    {"non-canonical, top bit", 0x8000000000000000},
    {"last byte", ~0ul},
    {"last word", ~7ul},
    {"across a page's end", 0}, /* filled in by main */
};

/* Two pages, of which main unmaps the second. */
static char pages[2 * LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static char *const pages_end = pages + LM_PAGE_SIZE;

#define KINDS (sizeof(bad) / sizeof(bad[0]))

/* How each call of the table gets its pointer. One that is missing here does not compile. */
#define CALLER(name, ...)                          \
    static long call_##name(uint32_t sub, void *p) \
    {                                              \
        (void)sub;                                 \
        (void)p;                                   \
        return hypercall_##name(__VA_ARGS__);      \
    }
CALLER(set_trap_table, p)
CALLER(set_gdt, p, 8)
CALLER(callback_op, sub, p)
CALLER(mmu_update, p, 1, NULL, DOMID_SELF)
CALLER(mmuext_op, p, 1, NULL, DOMID_SELF)
CALLER(memory_op, sub, p)
CALLER(multicall, p, 1)
CALLER(vcpu_op, sub, 0, p)
CALLER(sched_op, sub, p)
CALLER(event_channel_op, sub, p)
CALLER(grant_table_op, sub, p, 1)
CALLER(console_io, CONSOLEIO_write, 8, p)
CALLER(xen_version, sub, p)
CALLER(physdev_op, sub, p)
CALLER(lamina_op, sub, p)
CALLER(domctl, p)
CALLER(vm_assist, sub, ~0u) /* takes no pointer */

static const struct {
    const char *name, *structure;
    uint32_t number;
    long (*call)(uint32_t sub, void *p);
} subops[] = {
#define SUBOP(parent, name, structure, ...) {#name, #structure, name, call_##parent},
#include "abi/hypercalls.def"
};

static void expect_fault(const char *name, const struct bad_pointer *pointer, long result)
{
    check(result, -XEN_EFAULT, "%s, %s", name, pointer->kind);
}

/* These say how many extents they did: none. */
static bool counts_extents(uint32_t number, long (*call)(uint32_t sub, void *p))
{
    return call == call_memory_op &&
           (number == XENMEM_increase_reservation || number == XENMEM_decrease_reservation ||
            number == XENMEM_populate_physmap);
}

static void every_subop(const struct bad_pointer *pointer)
{
    for (unsigned s = 0; s < sizeof(subops) / sizeof(subops[0]); s++) {
        void *p = (void *)pointer->address;

        if (strcmp(subops[s].structure, "none") == 0)
            continue;
        if (subops[s].call == call_lamina_op && !on_lamina())
            continue;
        if (subops[s].call == call_vcpu_op && subops[s].number == VCPUOP_get_physid)
            continue; /* refused before the pointer matters: the vCPU is not pinned */
        if (subops[s].call == call_lamina_op && subops[s].number == LAMINA_OP_audit &&
            call_lamina_op(LAMINA_OP_audit, &(struct lamina_audit){0}) == -XEN_ENOSYS)
            continue; /* not in this build */
        if (!p && subops[s].call == call_xen_version)
            continue; /* some of its null pointers have a meaning */
        if (counts_extents(subops[s].number, subops[s].call))
            check(subops[s].call(subops[s].number, p), 0, "%s, %s: none done", subops[s].name,
                  pointer->kind);
        else
            expect_fault(subops[s].name, pointer, subops[s].call(subops[s].number, p));
    }
}

static void arguments(void)
{
    for (unsigned i = 0; i < KINDS; i++) {
        void *p = (void *)bad[i].address;

        expect_fault("set_trap_table", &bad[i], call_set_trap_table(0, p));
        expect_fault("set_gdt", &bad[i], call_set_gdt(0, p));
        expect_fault("multicall", &bad[i], call_multicall(0, p));
        expect_fault("console_io write", &bad[i], call_console_io(0, p));
        every_subop(&bad[i]);
    }
    every_subop(&(struct bad_pointer){"null", 0});
}

/* Pointers inside structures. */
static void members(void)
{
    struct mmu_update update = {.ptr = lm_virt_to_mfn(check_page()) << LM_PAGE_SHIFT};

    for (unsigned i = 0; i < KINDS; i++) {
        void *p = (void *)bad[i].address;
        struct sched_poll poll = {.ports = p, .nr_ports = 2, .timeout = 1};
        struct xen_memory_reservation some = {
            .extent_start = p, .nr_extents = 1, .domid = DOMID_SELF};
        struct xen_memory_map map = {.nr_entries = 8, .buffer = p};
        struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1, .frame_list = p};
        struct multicall_entry entry = {.op = __HYPERVISOR_xen_version,
                                        .args = {XENVER_capabilities, (uint64_t)p}};

        expect_fault("poll's ports", &bad[i], hypercall_sched_op(SCHEDOP_poll, &poll));
        if (on_lamina()) /* Xen's first domain has no memory map */
            expect_fault("memory_map's buffer", &bad[i],
                         hypercall_memory_op(XENMEM_memory_map, &map));
        check(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) == -XEN_EFAULT ||
                  setup.status == GNTST_bad_virt_addr,
              true, "setup_table's list, %s", bad[i].kind);
        check(hypercall_mmu_update(&update, 1, p, DOMID_SELF), 0,
              "mmu_update's count, %s: the update is done", bad[i].kind);
        check(hypercall_multicall(&entry, 1), 0, "a multicall with a bad argument: itself");
        expect_fault("a multicall's call", &bad[i], (long)entry.result);
        check(hypercall_memory_op(XENMEM_decrease_reservation, &some), 0,
              "decrease_reservation of a list, %s: none done", bad[i].kind);
    }
}

/* Huge counts with a good pointer end at the first page that is not there. */
static void counts(void)
{
    struct multicall_entry *last = (struct multicall_entry *)pages_end - 1;

    *last = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    check(hypercall_multicall(last, ~0u), -XEN_EFAULT, "4 billion calls in a multicall");
    check(last->result, hypercall_xen_version(XENVER_version, NULL), "the first of them was made");
    check(hypercall_mmu_update((const struct mmu_update *)bad[0].address, 0, NULL, DOMID_SELF), 0,
          "no updates from a bad pointer");
    check(hypercall_set_gdt(NULL, FIRST_RESERVED_GDT_ENTRY + 1), -XEN_EINVAL, "too large a GDT");
}

int main(void)
{
    provoke_init();
    lm_map(pages_end, 0);
    bad[KINDS - 1].address = (uint64_t)pages_end - 1;
    arguments();
    members();
    counts();
    PROVOKE("ud2", : :);
    check(provoked.vector, 6, "exceptions still arrive");
    return check_done();
}
