/* LAMINA_OP_audit. Where the hypervisor has it (bootargs "debug"), it finds nothing wrong, whatever
 * the guest makes it count. */
#include <string.h>

#include "check.h"

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static char window[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));

static void audit(const char *when)
{
    const bool there = strcmp((const char *)lm_start_info->cmd_line, "debug") == 0;
    struct lamina_audit result = {.findings = 77, .pad = 77};

    check(hypercall_lamina_op(LAMINA_OP_audit, &result), there ? 0 : -XEN_ENOSYS, "audit: %s",
          when);
    check(result.findings, there ? 0 : 77, "findings: %s", when);
    if (there) {
        check(result.frames > lm_start_info->nr_pages, true, "frames looked at: %s", when);
        check(result.pad, 0, "padding: %s", when);
    }
}

static void tables(void)
{
    uint64_t *table = check_page(), *data = check_page();
    struct mmuext_op op = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = lm_virt_to_mfn(table)};

    for (unsigned i = 0; i < 512; i += 2)
        table[i] = lm_pte(lm_virt_to_mfn(data), LM_PTE_DATA);
    lm_protect(table, LM_PTE_DATA & ~LM_PTE_WRITE);
    check(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "pin an L1 table");
    audit("with one more page table");
    op.cmd = MMUEXT_UNPIN_TABLE;
    check(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "unpin it");
    audit("without it");
}

static void grants(void)
{
    struct lm_grants table;
    struct lm_grant_mapping mapping;
    uint16_t self = check_own_domid();
    int ref;

    check(lm_grants_init(&table, grant_area, 1), 0, "a grant table");
    ref = lm_grant_access(&table, self, lm_virt_to_mfn(check_page()), false);
    check(lm_grant_map(&mapping, self, (uint32_t)ref, window, false), 0, "map a grant");
    audit("with a mapped grant");
    check(lm_grant_unmap(&mapping), 0, "unmap it");
    audit("without it");
}

static void vcpu_info(void)
{
    struct vcpu_register_vcpu_info reg = {.mfn = lm_virt_to_mfn(check_page())};

    check(hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), 0, "register vcpu_info");
    audit("with a registered vcpu_info");
}

int main(void)
{
    audit("at first");
    tables();
    grants();
    vcpu_info();
    return check_done();
}
