/* The mistakes that one makes with page tables when one ports a kernel, in the order in which they
 * come: docs/page-mapping.md tells the line that each leaves in the log. */
#include <lamina/grant.h>
#include "provoke.h"

#define READ_ONLY  (LM_PTE_DATA & ~LM_PTE_WRITE)
#define PTE_PCD    0x010ul
#define PTE_PSE    0x080ul
#define PTE_GLOBAL 0x100ul
#define TSS        0x0000890000000067ul

static long pin(unsigned cmd, const void *page)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = lm_virt_to_mfn(page)};

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void types(void)
{
    uint64_t *l1 = check_page(), *l2 = check_page();
    void *alias = check_page();

    check(pin(MMUEXT_PIN_L1_TABLE, l1), -XEN_EINVAL, "pin a table that is still writable");
    lm_map(alias, lm_pte(lm_virt_to_mfn(l1), LM_PTE_DATA));
    lm_protect(l1, READ_ONLY);
    l2[7] = lm_pte(lm_virt_to_mfn(l1), LM_PTE_TABLE);
    lm_protect(l2, READ_ONLY);
    check(pin(MMUEXT_PIN_L2_TABLE, l2), -XEN_EINVAL, "pin an L2 whose L1 has a writable alias");
    lm_map(alias, 0);
    check(pin(MMUEXT_PIN_L2_TABLE, l2), 0, "without the alias");
    check(pin(MMUEXT_PIN_L1_TABLE, l1), 0, "pin the L1 too");
    check(pin(MMUEXT_UNPIN_TABLE, l2), 0, "unpin the L2");
    check(lm_protect(l1, LM_PTE_DATA), -XEN_EBUSY, "free the L1, which is still pinned");
    check(pin(MMUEXT_UNPIN_TABLE, l1), 0, "unpin the L1");
    check(pin(MMUEXT_UNPIN_TABLE, l1), -XEN_EINVAL, "twice");
}

static void entries(void)
{
    const uint64_t *root = lm_boot_root();
    char *page = check_page();
    const uint64_t *l2 = lm_pt_entry(root, page, 2);

    check(lm_map(page, lm_pte(lm_virt_to_pfn(page), LM_PTE_DATA)), -XEN_EBUSY,
          "a pfn where an mfn belongs");
    check(lm_map(page, lm_pte(lm_virt_to_mfn(page) << 12, LM_PTE_DATA)), -XEN_EPERM,
          "an address where an mfn belongs");
    check(lm_map(page, lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA | PTE_PCD)), -XEN_EINVAL,
          "an uncached page");
    check(lm_map(page, lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA | PTE_GLOBAL)), 0, "a global page");
    check(lm_pt_write(l2, lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA | PTE_PSE | PTE_GLOBAL)),
          -XEN_EINVAL, "a superpage");
    check(lm_map((void *)0x400000, lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA)), -XEN_EINVAL,
          "an address without an L1 table");
}

static void direct_writes(void)
{
    const uint64_t *root = lm_boot_root();
    char *page = check_page();
    const uint64_t *l1 = lm_pt_entry(root, page, 1), *l2 = lm_pt_entry(root, page, 2);

    hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
    PROVOKE("movq %0, (%1)", : : "r"(*l1), "r"(l1));
    check(provoked.vector, NO_EXCEPTION, "write an L1 entry");
    PROVOKE("addq $0, (%0)", : : "r"(l1));
    check(provoked.vector, 14, "write an L1 entry by an addition");
    PROVOKE("movq %0, (%1)", : : "r"(*l2), "r"(l2));
    check(provoked.vector, 14, "write an L2 entry");
    PROVOKE("movq %0, (%1)", : : "r"(lm_pte(lm_virt_to_mfn(root), LM_PTE_DATA)), "r"(l1));
    check(provoked.vector, 14, "write an L1 entry that maps the root writable");
}

static void descriptors(void)
{
    uint64_t *gdt = check_page(), mfn = lm_virt_to_mfn(gdt);

    check(hypercall_set_gdt(&mfn, 8), -XEN_EINVAL, "a GDT that is mapped writable");
    gdt[5] = TSS;
    lm_protect(gdt, READ_ONLY);
    check(hypercall_set_gdt(&mfn, 8), -XEN_EINVAL, "a GDT with a TSS");
}

/* Of its own page, which is as good as another's. */
static void grants(void)
{
    static char area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
    struct lm_grants table;
    struct lm_grant_mapping mapping;
    uint16_t self = check_own_domid();
    void *page = check_page();

    check(lm_grants_init(&table, area, 1), 0, "a grant table");
    int ref = lm_grant_access(&table, self, lm_virt_to_mfn(check_page()), false);

    check(lm_grant_map(&mapping, self, (uint32_t)ref, page, false), 0, "map a grant");
    lm_map(page, 0);
    check(lm_grant_unmap(&mapping), GNTST_general_error, "unmap it after its entry was cleared");
}

int main(void)
{
    provoke_init();
    types();
    entries();
    direct_writes();
    descriptors();
    grants();
    return check_done();
}
