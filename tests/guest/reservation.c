/* memory_op: how a guest gets, gives back and exchanges frames, and what it is told of them. */
#include "provoke.h"

#define NO_SUCH_DOMAIN 0x6fff
#define NO_SUCH_MFN    (1ul << 40)
#define M2P_NONE       (~0ul)
#define NOTHING        ((void *)8)
#define PAGES          512u

static uint64_t in[PAGES], out[PAGES];

static long memory(unsigned cmd, void *arg)
{
    return hypercall_memory_op(cmd, arg);
}

static long reserve(unsigned cmd, uint64_t *list, uint64_t count, unsigned order)
{
    struct xen_memory_reservation r = {
        .extent_start = list, .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};

    return memory(cmd, &r);
}

static struct xen_memory_exchange request(uint64_t nr_in, unsigned in_order, uint64_t nr_out,
                                          unsigned out_order)
{
    return (struct xen_memory_exchange){.in = {.extent_start = in,
                                               .nr_extents = nr_in,
                                               .extent_order = in_order,
                                               .domid = DOMID_SELF},
                                        .out = {.extent_start = out,
                                                .nr_extents = nr_out,
                                                .extent_order = out_order,
                                                .domid = DOMID_SELF}};
}

/* Exchanges the first of in and out; checks what was done. */
static void exchange(const char *name, uint64_t nr_in, unsigned in_order, uint64_t nr_out,
                     unsigned out_order, long answer, uint64_t done)
{
    struct xen_memory_exchange e = request(nr_in, in_order, nr_out, out_order);

    check(memory(XENMEM_exchange, &e), answer, "exchange: %s", name);
    check(e.nr_exchanged, done, "exchange: %s: extents done", name);
}

/* A page that nothing maps any more; its frame's number. */
static uint64_t unmapped(void **page)
{
    *page = check_page();
    lm_map(*page, 0);
    return lm_virt_to_mfn(*page);
}

static void increases(void)
{
    struct xen_memory_domain self = {DOMID_SELF};
    long before = memory(XENMEM_current_reservation, &self);
    uint64_t gone[2], *page, had;
    void *at;

    /* What it may have, a guest of Lamina has from the start. */
    gone[0] = unmapped(&at);
    gone[1] = unmapped((void **)&page);
    had = gone[1];
    check(reserve(XENMEM_decrease_reservation, gone, 2, 0), 2, "decrease_reservation");
    check(reserve(XENMEM_increase_reservation, gone, 2, 0), 2, "increase_reservation");
    check(memory(XENMEM_current_reservation, &self), before, "as many pages as before");
    check(lm_mfn_to_pfn(gone[0]), M2P_NONE, "their M2P entries are invalid");
    check(lm_map(page, lm_pte(gone[1], LM_PTE_DATA)), 0, "one of them can be mapped");
    check(page[7], 0, "and is empty");
    if (on_lamina()) {
        check(reserve(XENMEM_increase_reservation, &had, 1, 0), 0, "beyond the allowance");
        check(reserve(XENMEM_decrease_reservation, gone, 1, 0), 1, "one goes");
        check(reserve(XENMEM_increase_reservation, NULL, 1, 0), 1,
              "increase_reservation that tells nobody");
        check(memory(XENMEM_current_reservation, &self), before, "it was increased");
    }
    check(reserve(XENMEM_increase_reservation, &had, 1, 60), 0, "2^60 pages");
    check(reserve(XENMEM_increase_reservation, NOTHING, 1, 0), 0, "no list");
}

static void exchanges_pages(void)
{
    uint64_t *page[2], old;

    in[0] = old = unmapped((void **)&page[0]);
    in[1] = unmapped((void **)&page[1]);
    out[0] = 0x777;
    out[1] = 0x888;
    exchange("two pages", 2, 0, 2, 0, 0, 2);
    check(lm_mfn_to_pfn(out[0]), 0x777, "the new M2P entry");
    check(lm_mfn_to_pfn(out[1]), 0x888, "of both");
    check(lm_map(page[0], lm_pte(out[0], LM_PTE_DATA)), 0, "a new one can be mapped");
    check(page[0][9], 0, "it is empty");
    if (out[0] != old && out[1] != old && on_lamina())
        check(lm_map(page[1], lm_pte(old, LM_PTE_DATA)), -XEN_EBUSY, "an old one cannot");
    lm_map(page[0], 0);
    in[0] = out[0];
    in[1] = out[1];
    out[0] = 0x900;
    exchange("two pages for a contiguous pair", 2, 0, 1, 1, 0, 2);
    check(out[0] % 2, 0, "aligned as it should be");
    check(lm_mfn_to_pfn(out[0] + 1), 0x901, "the M2P entry of the pair's second");
    in[0] = out[0];
    out[0] = 0xa00;
    out[1] = 0xb00;
    exchange("a pair for two pages", 1, 1, 2, 0, 0, 1);
    check(lm_mfn_to_pfn(out[1]), 0xb00, "the M2P entry of the second");
    check(lm_map(page[0], lm_pte(out[0], LM_PTE_DATA)), 0, "the first can be mapped");
    check(lm_map(page[1], lm_pte(out[1], LM_PTE_DATA)), 0, "the second too");
}

/* Of the extents that one can have there is one to begin with, and one afterwards. */
static void largest_extent(uint64_t *extent)
{
    void *page;

    check(reserve(XENMEM_decrease_reservation, extent, 1, 9), 1, "2 MiB go");
    for (unsigned i = 0; i < PAGES; i++)
        in[i] = unmapped(&page);
    check(reserve(XENMEM_decrease_reservation, in, PAGES, 0), PAGES, "and 512 pages");
    if (on_lamina()) { /* Xen's first domain may have larger ones than others */
        check(reserve(XENMEM_increase_reservation, extent, 1, 10), 0, "an extent of 4 MiB");
        check(reserve(XENMEM_populate_physmap, extent, 1, 10), 0, "one of 4 MiB with its pfn");
        exchange("4 MiB", 1, 10, 1, 10, -XEN_EPERM, 0);
        exchange("4 MiB for pages", 1, 10, 1024, 0, -XEN_EPERM, 0);
        exchange("pages for 4 MiB", 1024, 0, 1, 10, -XEN_EPERM, 0);
    }
    check(reserve(XENMEM_increase_reservation, extent, 1, 9), 1, "one of 2 MiB comes");
}

static void exchanges_many(void)
{
    static void *page[PAGES];

    for (unsigned i = 0; i < PAGES; i++)
        in[i] = unmapped(&page[i]);
    out[0] = 0x10000;
    exchange("512 pages for 2 MiB", PAGES, 0, 1, 9, 0, PAGES);
    check(out[0] % PAGES, 0, "on 2 MiB");
    check(lm_mfn_to_pfn(out[0] + 511), 0x101ff, "the last M2P entry");
    largest_extent(&out[0]);
    in[0] = out[0];
    for (unsigned i = 0; i < PAGES; i++)
        out[i] = lm_virt_to_pfn(page[i]);
    exchange("2 MiB for 512 pages", 1, 9, PAGES, 0, 0, 1);
    for (unsigned i = 0; i < PAGES; i++)
        if (lm_map(page[i], lm_pte(out[i], LM_PTE_DATA)) ||
            lm_mfn_to_pfn(out[i]) != lm_virt_to_pfn(page[i]))
            check(i, -1, "a page that cannot be mapped, or has the wrong M2P entry");
}

static void exchange_refuses(void)
{
    struct xen_memory_exchange e;
    void *page;

    in[0] = lm_virt_to_mfn(check_page());
    out[0] = 0x777;
    exchange("a mapped page", 1, 0, 1, 0, -XEN_EINVAL, 0);
    check(out[0], 0x777, "nothing was written");
    in[1] = in[0];
    in[0] = unmapped(&page);
    out[1] = 0x888;
    exchange("the second is mapped", 2, 0, 2, 0, -XEN_EINVAL, 1);
    check(lm_mfn_to_pfn(out[0]), 0x777, "the first was exchanged");
    in[0] = in[1] = unmapped(&page);
    out[0] = 0x777;
    exchange("one page twice, for a pair", 2, 0, 1, 1, -XEN_EINVAL, 0);
    check(lm_map(page, lm_pte(in[0], LM_PTE_DATA)), 0, "it is still there");
    in[0] = lm_virt_to_mfn(lm_boot_root());
    exchange("the root", 1, 0, 1, 0, -XEN_EINVAL, 0);
    in[0] = NO_SUCH_MFN;
    exchange("no frame", 1, 0, 1, 0, -XEN_EINVAL, 0);
    in[0] = 1;
    exchange("a frame of the hypervisor's", 1, 0, 1, 0, -XEN_EINVAL, 0);
    exchange("nothing", 0, 0, 0, 9, 0, 0);
    exchange("one for two", 1, 0, 2, 0, -XEN_EINVAL, 0);
    exchange("an order of 64", 0, 64, 0, 0, -XEN_EPERM, 0);
    exchange("sizes that overflow", 1ul << 60, 9, 1ul << 60, 9, -XEN_EINVAL, 0);
    e = request(2, 0, 2, 0);
    e.nr_exchanged = 3;
    check(memory(XENMEM_exchange, &e), -XEN_EINVAL, "exchange: more done than there are");
    e = request(2, 0, 2, 0);
    e.nr_exchanged = 2;
    check(memory(XENMEM_exchange, &e), 0, "exchange: all done before");
    e = request(1, 0, 1, 0);
    e.out.domid = NO_SUCH_DOMAIN;
    check(memory(XENMEM_exchange, &e), -XEN_EINVAL, "exchange: two domains");
    e.in.domid = NO_SUCH_DOMAIN;
    check(memory(XENMEM_exchange, &e), -XEN_ESRCH, "exchange: no domain");
    e = request(1, 0, 1, 0);
    e.in.extent_start = NOTHING;
    check(memory(XENMEM_exchange, &e), -XEN_EFAULT, "exchange: no list of old ones");
    e = request(1, 0, 1, 0);
    e.out.extent_start = NOTHING;
    /* Xen looks at the old ones first, and has made the exchange when it finds that list bad. */
    check(memory(XENMEM_exchange, &e), on_lamina() ? -XEN_EFAULT : -XEN_EINVAL,
          "exchange: no list of new ones");
    check(memory(XENMEM_exchange, NOTHING), -XEN_EFAULT, "exchange: no request");
}

static void tells(void)
{
    struct xen_memory_domain self = {DOMID_SELF}, nobody = {NO_SUCH_DOMAIN};
    struct xen_machphys_mfn_list list = {.max_extents = PAGES, .extent_start = out};
    uint64_t max_pfn = lm_shared_info->arch.max_pfn;
    uint64_t frames = hypercall_memory_op(XENMEM_maximum_ram_page, NULL);

    lm_shared_info->arch.max_pfn = 0x12345678;
    check(memory(XENMEM_maximum_gpfn, &self), 0x12345677, "maximum_gpfn");
    lm_shared_info->arch.max_pfn = 0;
    check(memory(XENMEM_maximum_gpfn, &self), 0, "maximum_gpfn if none is said");
    lm_shared_info->arch.max_pfn = max_pfn;
    check(memory(XENMEM_maximum_gpfn, &nobody), -XEN_ESRCH, "maximum_gpfn of no domain");
    check(memory(XENMEM_maximum_gpfn, NOTHING), -XEN_EFAULT, "maximum_gpfn of nothing");
    check(memory(XENMEM_machphys_mfn_list, &list), 0, "machphys_mfn_list");
    check(list.nr_extents, (frames * 8 + (2ul << 20) - 1) >> 21, "one for each 2 MiB of it");
    check(out[0] != 0 && out[0] < frames, true, "the first is a frame");
    list.max_extents = 0;
    check(memory(XENMEM_machphys_mfn_list, &list), 0, "machphys_mfn_list of no entries");
    check(list.nr_extents, 0, "none");
    list = (struct xen_machphys_mfn_list){.max_extents = 1, .extent_start = NOTHING};
    check(memory(XENMEM_machphys_mfn_list, &list), -XEN_EFAULT, "machphys_mfn_list to nowhere");
    check(memory(XENMEM_machphys_mfn_list, NOTHING), -XEN_EFAULT, "machphys_mfn_list of nothing");
}

/* Physical maps are for guests whose frame numbers are translated. */
static void physmap(void)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF};
    struct xen_add_to_physmap_batch batch = {.domid = DOMID_SELF};
    struct xen_remove_from_physmap gone = {.domid = DOMID_SELF};

    for (unsigned space = 0; space < 7; space++) {
        add.space = space;
        check(memory(XENMEM_add_to_physmap, &add),
              space == XENMAPSPACE_gmfn_foreign ? -XEN_ENOSYS : -XEN_EACCES,
              "add_to_physmap, space %u", space);
    }
    check(memory(XENMEM_add_to_physmap_batch, &batch), -XEN_EACCES, "add_to_physmap_batch");
    check(memory(XENMEM_remove_from_physmap, &gone), -XEN_EACCES, "remove_from_physmap");
    add.domid = batch.domid = gone.domid = NO_SUCH_DOMAIN;
    check(memory(XENMEM_add_to_physmap, &add), -XEN_ESRCH, "add_to_physmap of no domain");
    check(memory(XENMEM_add_to_physmap_batch, &batch), -XEN_ESRCH, "its batch");
    check(memory(XENMEM_remove_from_physmap, &gone), -XEN_ESRCH, "remove_from_physmap");
    check(memory(XENMEM_add_to_physmap, NOTHING), -XEN_EFAULT, "add_to_physmap of nothing");
    check(memory(XENMEM_add_to_physmap_batch, NOTHING), -XEN_EFAULT, "its batch");
    check(memory(XENMEM_remove_from_physmap, NOTHING), -XEN_EFAULT, "remove_from_physmap");
}

/* --- which L4 tables show the M2P, at slot 256 --- */

static uint64_t *new_root(void)
{
    uint64_t *root = check_page();

    for (unsigned slot = 0; slot < 512; slot++)
        if (slot < 256 || slot > 271)
            root[slot] = lm_boot_root()[slot];
    check(lm_pt_pin_root(root), 0, "pin an L4");
    return root;
}

static void use(const uint64_t *root, unsigned cmd)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = root ? lm_virt_to_mfn(root) : 0};

    check(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "use an L4 by command %u", cmd);
}

/* Not strict: only those that kernel mode has used. */
static void m2p_lax(void)
{
    uint64_t m2p = lm_boot_root()[256], *root = new_root();

    check(m2p != 0, true, "lax: our own tables show the M2P");
    check(root[256], 0, "lax: a new L4 does not");
    use(root, MMUEXT_NEW_USER_BASEPTR);
    check(root[256], 0, "lax: nor one for user mode");
    use(NULL, MMUEXT_NEW_USER_BASEPTR);
    use(root, MMUEXT_NEW_BASEPTR);
    check(root[256], m2p, "lax: one for kernel mode does");
    PROVOKE("movq (%0), %%rax", : : "r"(MACH2PHYS_VIRT_START));
    check(provoked.vector, NO_EXCEPTION, "lax: it can be read");
    use(lm_boot_root(), MMUEXT_NEW_BASEPTR);
    use(root, MMUEXT_NEW_USER_BASEPTR);
    check(root[256], m2p, "lax: for user mode it then stays");
    use(NULL, MMUEXT_NEW_USER_BASEPTR);
}

/* Strict: all that user mode has not used. */
static void m2p_strict(void)
{
    uint64_t m2p = lm_boot_root()[256], *root;

    check(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_m2p_strict), 0, "m2p_strict");
    root = new_root();
    check(root[256], m2p, "strict: a new L4 shows the M2P");
    use(root, MMUEXT_NEW_BASEPTR);
    check(root[256], m2p, "strict: one for kernel mode too");
    use(lm_boot_root(), MMUEXT_NEW_BASEPTR);
    use(root, MMUEXT_NEW_USER_BASEPTR);
    check(root[256], 0, "strict: one for user mode does not");
    use(NULL, MMUEXT_NEW_USER_BASEPTR);
    use(root, MMUEXT_NEW_BASEPTR);
    check(root[256], 0, "strict: for kernel mode it then stays without");
    PROVOKE("movq (%0), %%rax", : : "r"(MACH2PHYS_VIRT_START));
    check(provoked.vector, 14, "strict: it cannot be read there");
    use(lm_boot_root(), MMUEXT_NEW_BASEPTR);
    check(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_m2p_strict), 0, "not strict");
}

int main(void)
{
    provoke_init();
    check(lm_pool_add_all_memory(check_pool()), 0, "all memory is mapped");
    m2p_lax();
    m2p_strict();
    increases();
    exchanges_pages();
    exchange_refuses();
    tells();
    physmap();
    exchanges_many();
    return check_done();
}
