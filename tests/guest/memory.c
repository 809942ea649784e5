/* A guest that tries to get at its own page tables, at frames of others, and at the hypervisor, by
 * every call that changes a mapping. Each attempt is refused with the right error, and changes
 * nothing. */
#include "provoke.h"

#define READ_ONLY     (LM_PTE_DATA & ~LM_PTE_WRITE)
#define HYPERVISOR    0xffff830000000000ul
#define LOWER_HALF    0x400000ul
#define FREE_L2_RANGE 0xffffffffbfe00000ul /* of the linear mapping, but nothing there */
#define PTE_PSE       0x080ul
#define NO_SUCH_MFN   (1ul << 39)

static long mmuext(unsigned cmd, uint64_t mfn)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn};

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static long update(uint64_t ptr, uint64_t val)
{
    struct mmu_update req = {.ptr = ptr, .val = val};

    return hypercall_mmu_update(&req, 1, NULL, DOMID_SELF);
}

/* Page tables cannot be written, nor mapped so that they could be. */
static void own_tables(void)
{
    const uint64_t *root = lm_boot_root();
    char *page = check_page();

    for (unsigned level = 4; level >= 1; level--) {
        const uint64_t *table = lm_pt_entry(root, page, level);
        const void *table_page = (const void *)((uint64_t)table & ~(LM_PAGE_SIZE - 1ul));
        uint64_t before = *table;

        if (level > 1 || on_lamina()) {
            PROVOKE("movq %0, (%1)", : : "r"(before), "r"(table));
            check(provoked.vector, 14, "write to an L%u entry faults", level);
            check(provoked.error_code, 3, "write to an L%u entry: error code", level);
        } else {
            check_skip("write to an L1 entry", "Xen emulates those of its first domain");
        }
        check(lm_protect(table_page, LM_PTE_DATA), -XEN_EBUSY, "map an L%u writable", level);
        check(lm_map(page, lm_pte(lm_virt_to_mfn(table_page), LM_PTE_DATA)), -XEN_EBUSY,
              "map an L%u writable elsewhere", level);
        check(lm_pt_write(lm_pt_entry(root, page, 1), lm_pte(lm_virt_to_mfn(table), LM_PTE_DATA)),
              -XEN_EBUSY, "the same by mmu_update, L%u", level);
        check(lm_map(page, lm_pte(lm_virt_to_mfn(table_page), READ_ONLY)), 0,
              "L%u read-only is fine", level);
        check(lm_protect(page, LM_PTE_DATA), 0, "the page back where it was");
        check(*table, before, "L%u entry is as before", level);
    }
}

/* A page that is a table by construction: an L1 with one entry, then what may be done with it. */
static void types(void)
{
    uint64_t *l1 = check_page();
    uint64_t *data = check_page();
    uint64_t *scratch = check_page();
    uint64_t mfn = lm_virt_to_mfn(l1);

    l1[0] = lm_pte(lm_virt_to_mfn(data), LM_PTE_DATA);
    check(mmuext(MMUEXT_PIN_L1_TABLE, mfn), -XEN_EINVAL, "pin an L1 that is mapped writable");
    lm_protect(l1, READ_ONLY);
    check(mmuext(MMUEXT_PIN_L2_TABLE, mfn), -XEN_EINVAL, "pin as L2: entries are no L1 tables");
    check(mmuext(MMUEXT_PIN_L3_TABLE, mfn), -XEN_EINVAL, "pin as L3");
    check(mmuext(MMUEXT_PIN_L4_TABLE, mfn), -XEN_EINVAL, "pin as L4");
    check(mmuext(MMUEXT_PIN_L1_TABLE, mfn), 0, "pin an L1");
    check(mmuext(MMUEXT_PIN_L1_TABLE, mfn), -XEN_EINVAL, "pin it twice");
    check(lm_protect(l1, LM_PTE_DATA), -XEN_EBUSY, "map the pinned L1 writable");
    check(mmuext(MMUEXT_PIN_L2_TABLE, mfn), -XEN_EINVAL, "pin an L1 as L2");
    check(mmuext(MMUEXT_NEW_BASEPTR, mfn), -XEN_EINVAL, "load an L1 as cr3");
    check(mmuext(MMUEXT_NEW_USER_BASEPTR, mfn), -XEN_EINVAL, "load an L1 as user cr3");
    check(lm_pt_write(&l1[1], lm_pte(mfn, LM_PTE_DATA)), -XEN_EBUSY, "map it writable in itself");
    check(l1[1], 0, "that entry stayed empty");
    check(lm_pt_write(&l1[1], lm_pte(mfn, READ_ONLY)), 0, "map it read-only in itself");
    check(lm_pt_write(&l1[1], 0), 0, "and unmap it again");
    check(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0, "unpin");
    check(mmuext(MMUEXT_UNPIN_TABLE, mfn), -XEN_EINVAL, "unpin again");
    check(lm_protect(l1, LM_PTE_DATA), 0, "an unpinned table can be written again");

    l1[0] = lm_pte(lm_virt_to_mfn(lm_boot_root()), LM_PTE_DATA);
    lm_protect(l1, READ_ONLY);
    check(mmuext(MMUEXT_PIN_L1_TABLE, mfn), -XEN_EBUSY, "pin an L1 that maps the root writable");
    lm_protect(l1, LM_PTE_DATA);
    l1[0] = 0;
    scratch[0] = lm_pte(mfn, LM_PTE_DATA);
    lm_protect(scratch, READ_ONLY);
    check(mmuext(MMUEXT_PIN_L2_TABLE, lm_virt_to_mfn(scratch)), -XEN_EINVAL,
          "pin an L2 whose L1 is mapped writable");
    lm_protect(l1, READ_ONLY);
    check(mmuext(MMUEXT_PIN_L2_TABLE, lm_virt_to_mfn(scratch)), 0, "pin it with the L1 read-only");
    check(lm_protect(l1, LM_PTE_DATA), -XEN_EBUSY, "the L1 below is a table now");
    check(mmuext(MMUEXT_UNPIN_TABLE, lm_virt_to_mfn(scratch)), 0, "unpin the L2");
    check(lm_protect(l1, LM_PTE_DATA), 0, "and the L1 is a plain page again");
    lm_protect(scratch, LM_PTE_DATA);
    scratch[0] = lm_pte(mfn, LM_PTE_DATA | PTE_PSE);
    lm_protect(scratch, READ_ONLY);
    check(mmuext(MMUEXT_PIN_L2_TABLE, lm_virt_to_mfn(scratch)), -XEN_EINVAL,
          "pin an L2 with a superpage");
}

static void current_tables(void)
{
    const uint64_t *root = lm_boot_root();
    uint64_t *data = check_page();
    uint64_t mfn = lm_virt_to_mfn(data);
    const uint64_t *l4 = lm_pt_entry(root, (void *)LOWER_HALF, 4);
    const uint64_t *l3 = lm_pt_entry(root, data, 3);
    const uint64_t *l2 = lm_pt_entry(root, data, 2);
    const uint64_t *free_l2 = lm_pt_entry(root, (void *)FREE_L2_RANGE, 2);
    uint64_t old_l2 = *l2, old_l3 = *l3;

    check(lm_pt_write(l4, lm_pte(mfn, LM_PTE_TABLE)), -XEN_EINVAL, "L4 entry to a writable page");
    check(lm_pt_write(l4, lm_pte(lm_pte_mfn(old_l2), LM_PTE_TABLE)), -XEN_EINVAL,
          "L4 entry to an L1 table");
    check(*l4, 0, "that L4 entry stayed empty");
    check(lm_pt_write(l3, lm_pte(mfn, LM_PTE_TABLE)), -XEN_EINVAL, "L3 entry to a writable page");
    check(lm_pt_write(l3, lm_pte(lm_pte_mfn(old_l2), LM_PTE_TABLE)), -XEN_EINVAL,
          "L3 entry to an L1 table");
    check(*l3, old_l3, "that L3 entry is as before");
    check(lm_pt_write(free_l2, lm_pte(mfn, LM_PTE_TABLE)), -XEN_EINVAL,
          "L2 entry to a writable page");
    check(lm_pt_write(free_l2, lm_pte(mfn, LM_PTE_DATA | PTE_PSE)), -XEN_EINVAL,
          "L2 entry as a superpage");
    check(lm_pt_write(free_l2, lm_pte(lm_virt_to_mfn(root), LM_PTE_TABLE)), -XEN_EINVAL,
          "L2 entry to the root");
    check(*free_l2, 0, "that L2 entry stayed empty");
    check(mmuext(MMUEXT_NEW_BASEPTR, mfn), -XEN_EINVAL, "load a writable page as cr3");
    check(mmuext(MMUEXT_NEW_BASEPTR, NO_SUCH_MFN), -XEN_EINVAL, "load no frame as cr3");
    check(mmuext(MMUEXT_NEW_USER_BASEPTR, NO_SUCH_MFN), -XEN_EINVAL, "load no frame as user cr3");
    check(mmuext(MMUEXT_NEW_USER_BASEPTR, 0), 0, "no user tables is fine");
    check(mmuext(MMUEXT_NEW_BASEPTR, lm_virt_to_mfn(root)), 0, "reload the root");
    check(mmuext(99, 0), -XEN_ENOSYS, "unknown mmuext command");
}

/* The hypervisor's slots and addresses. */
static void hypervisor_range(void)
{
    uint64_t *root = lm_boot_root();
    void *data = check_page();
    unsigned refused = 0;

    for (unsigned slot = 256; slot < 272; slot++) {
        uint64_t before = root[slot];

        refused += lm_pt_write(&root[slot], 0) == -XEN_EINVAL &&
                   lm_pt_write(&root[slot], root[511]) == -XEN_EINVAL && root[slot] == before;
    }
    check(refused, 16, "all 16 hypervisor slots refuse a change");
    check(lm_map((void *)HYPERVISOR_VIRT_START, 0), -XEN_EINVAL, "unmap the M2P");
    check(lm_map((void *)HYPERVISOR, lm_pte(lm_virt_to_mfn(data), LM_PTE_DATA)), -XEN_EINVAL,
          "map into the hypervisor");
    check(lm_map((void *)(HYPERVISOR_VIRT_END - 4096), 0), -XEN_EINVAL, "its last page");
    PROVOKE("movq (%0), %%rax", : : "r"(MACH2PHYS_VIRT_START));
    check(provoked.vector, NO_EXCEPTION, "read the M2P");
    PROVOKE("movq %%rax, (%0)", : : "r"(MACH2PHYS_VIRT_START));
    check(provoked.vector, 14, "write the M2P faults");
    for (uint64_t at = HYPERVISOR_VIRT_START + (1ul << 39); at < HYPERVISOR_VIRT_END;
         at += 1ul << 39) {
        PROVOKE("movq (%0), %%rax", : : "r"(at));
        check(provoked.vector, 14, "read of %#lx faults", at);
    }
    check(lm_map((void *)LOWER_HALF, 0), -XEN_EINVAL, "map where no L1 table is");
    check(lm_map((void *)0x8000000000000000ul, 0), -XEN_EINVAL, "map a non-canonical address");
}

/* Pages of the hypervisor's that are there for us to map. */
static bool shared_with_us(uint64_t mfn)
{
    static uint64_t grant_frames[1];
    struct gnttab_setup_table setup = {
        .dom = DOMID_SELF, .nr_frames = 1, .frame_list = grant_frames};

    if (grant_frames[0] == 0)
        hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1);
    return mfn == grant_frames[0] || mfn == lm_start_info->shared_info >> LM_PAGE_SHIFT;
}

/* No frame that is not ours can be mapped: all the machine's memory is tried. */
static void frames_of_others(void)
{
    void *page = check_page();
    uint64_t own = lm_virt_to_mfn(page);
    uint64_t frames = hypercall_memory_op(XENMEM_maximum_ram_page, NULL);
    uint64_t mapped_others = 0, tried = 0;
    const uint64_t *m2p = (const uint64_t *)MACH2PHYS_VIRT_START;

    check(lm_map(page, lm_pte(NO_SUCH_MFN, LM_PTE_DATA)), -XEN_EPERM, "map a frame beyond memory");
    check(lm_map(page, lm_pte((1ul << 40) - 1, READ_ONLY)), -XEN_EINVAL,
          "map the last mfn there is");
    check(update(NO_SUCH_MFN << 12, 0), -XEN_EINVAL, "update a table beyond memory");
    check(update(NO_SUCH_MFN << 12 | MMU_MACHPHYS_UPDATE, 0), -XEN_EINVAL,
          "M2P entry beyond memory");
    check(mmuext(MMUEXT_PIN_L1_TABLE, NO_SUCH_MFN), -XEN_EINVAL, "pin a frame beyond memory");
    check(mmuext(MMUEXT_UNPIN_TABLE, NO_SUCH_MFN), -XEN_EINVAL, "unpin a frame beyond memory");
    if (!on_lamina()) {
        check_skip("frames of others", "Xen's first domain may map device memory");
        return;
    }
    for (uint64_t mfn = 0; mfn < frames; mfn++) {
        uint64_t pfn = m2p[mfn];

        if (pfn < lm_start_info->nr_pages && lm_pfn_to_mfn(pfn) == mfn)
            continue;
        tried++;
        if (!shared_with_us(mfn) && lm_map(page, lm_pte(mfn, READ_ONLY)) == 0) {
            mapped_others++;
            printf("mfn %#lx can be mapped\n", mfn);
        }
    }
    check(tried > 0, true, "there are frames of others");
    check(mapped_others, 0, "none of them can be mapped");
    check(lm_map(page, lm_pte(own, LM_PTE_DATA)), 0, "and the own one still can");
}

static void m2p(void)
{
    void *page = check_page();
    uint64_t mfn = lm_virt_to_mfn(page), pfn = lm_virt_to_pfn(page);

    check(update(mfn << 12 | MMU_MACHPHYS_UPDATE, 0x123456), 0, "set an own M2P entry");
    check(lm_mfn_to_pfn(mfn), 0x123456, "it is set");
    check(update(mfn << 12 | MMU_MACHPHYS_UPDATE, pfn), 0, "and back");
}

static void counts(void)
{
    struct mmu_update req[3];
    uint64_t *page = check_page();
    uint64_t at = lm_virt_to_mfn(page) << 12;
    uint32_t done = 77;

    req[0] = (struct mmu_update){at, 1};
    req[1] = (struct mmu_update){NO_SUCH_MFN << 12, 2};
    req[2] = (struct mmu_update){at + 16, 3};
    check(hypercall_mmu_update(req, 3, &done, DOMID_SELF), -XEN_EINVAL,
          "a batch with a bad update");
    check(done, 1, "it stops there");
    check(page[0], 1, "a frame that is no table is written as it is");
    check(page[2], 0, "the update behind the bad one was not made");
    check(hypercall_mmu_update(req, 0, &done, DOMID_SELF), 0, "no updates");
    check(done, 0, "none done");
    check(hypercall_mmu_update(req, 1, NULL, 0x6fff), -XEN_ESRCH, "a domain that is not there");
}

static void other_domains(void)
{
    struct mmu_update req = {0};
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE};

    if (!on_lamina()) {
        check_skip("other domains", "Xen's first domain has the privilege");
        return;
    }
    check(hypercall_mmu_update(&req, 1, NULL, DOMID_IO), -XEN_EPERM, "device memory");
    check(hypercall_mmu_update(&req, 1, NULL, DOMID_XEN), -XEN_EPERM, "the hypervisor's memory");
    check(hypercall_mmuext_op(&op, 1, NULL, DOMID_XEN), -XEN_EPERM, "mmuext for the hypervisor");
}

int main(void)
{
    provoke_init();
    own_tables();
    types();
    current_tables();
    hypervisor_range();
    frames_of_others();
    m2p();
    counts();
    other_domains();
    return check_done();
}
