/* An L4 table that names itself in slot 255, as NetBSD's do: all page tables are then visible
 * there, read-only. Nothing else is: not through us, who are told of our tables only, and not
 * through the hypervisor, which could reach its own memory by that way. */
#include "provoke.h"
#include <lamina/string.h>

#define SLOT   255ul
#define LINEAR (SLOT << 39)
#define READ   (LM_PTE_TABLE & ~LM_PTE_WRITE)

static bool allowed, xen;

/* Where the entry that translates an address is seen; again for the entry's own address: one level
 * up. */
static const uint64_t *seen(const void *address)
{
    return (const uint64_t *)(LINEAR + ((uint64_t)address << 16 >> 28) * 8);
}

static uint64_t self(const uint64_t *root, uint64_t flags)
{
    return lm_pte(lm_virt_to_mfn(root), flags);
}

static void reads(const uint64_t *root, const void *data)
{
    const uint64_t *l1 = seen(data), *l2 = seen(l1), *l3 = seen(l2), *l4 = seen(l3);

    check(*l1, *lm_pt_entry(root, data, 1), "the L1 entry");
    check(*l2, *lm_pt_entry(root, data, 2), "the L2 entry");
    check(*l3, *lm_pt_entry(root, data, 3), "the L3 entry");
    check(*l4, *lm_pt_entry(root, data, 4), "the L4 entry");
    check(*seen(seen(seen(seen(seen(data))))), root[SLOT], "the root's own entry");
    for (unsigned level = 1; level <= 4; level++) {
        const uint64_t *entry = level == 1 ? l1 : level == 2 ? l2 : level == 3 ? l3 : l4;

        PROVOKE("movq %0, (%1)", : : "r"(0ul), "r"(entry));
        check(provoked.vector, 14, "a write to the L%u entry there faults", level);
        check(lm_map(entry, 0), -XEN_EINVAL, "update_va_mapping of that address, L%u", level);
    }
}

/* The hypervisor's slots, seen as L3 and lower tables, lead to its memory: for itself alone. */
static void hypervisor_slots(void)
{
    unsigned faults = 0, refused = 0, tried = 0;

    for (uint64_t slot = 257; slot < 272; slot++)
        for (unsigned depth = 1; depth < 4; depth++) {
            uint64_t at = LINEAR;
            struct mmu_update *through;

            for (unsigned i = 1; i < depth; i++)
                at |= SLOT << (39 - 9 * i);
            at |= slot << (39 - 9 * depth);
            through = (struct mmu_update *)at;
            tried++;
            PROVOKE("movq (%0), %%rax", : : "r"(at));
            faults += provoked.vector == 14;
            refused += hypercall_mmu_update(through, 1, NULL, DOMID_SELF) == -XEN_EFAULT &&
                       hypercall_console_io(CONSOLEIO_write, 8, (char *)at) == -XEN_EFAULT &&
                       hypercall_xen_version(XENVER_get_features, (void *)at) == -XEN_EFAULT;
        }
    check(faults, tried, "we cannot read through the hypervisor's slots");
    if (!xen)
        check(refused, tried, "nor does it for us");
    check(hypercall_xen_version(XENVER_get_features, (void *)(xen ? 8 : LINEAR)), -XEN_EFAULT,
          "no argument is there");
}

/* A new tree like ours. */
static uint64_t *copy_of(const uint64_t *root)
{
    uint64_t *copy = check_page();

    for (unsigned slot = 0; slot < 512; slot++)
        if (slot < 256 || slot > 271)
            copy[slot] = root[slot];
    return copy;
}

static void entries(uint64_t *root, const void *data)
{
    long answer = allowed ? 0 : -XEN_EINVAL;

    check(lm_pt_write(&root[SLOT], self(root, LM_PTE_TABLE)), -XEN_EINVAL, "writable");
    check(lm_pt_write(&root[254], self(root, READ)), xen ? 0 : -XEN_EINVAL, "in slot 254");
    check(lm_pt_write(&root[254], 0), 0, "slot 254 is empty");
    check(lm_pt_write(&root[SLOT], self(root, READ)), answer, "read-only in slot 255");
    if (!allowed)
        return;
    reads(root, data);
    hypervisor_slots();
    check(lm_pt_write(&root[SLOT], self(root, LM_PTE_TABLE)), -XEN_EINVAL, "made writable");
    check(lm_pt_write(&root[SLOT], self(root, READ | LM_PTE_NX)), 0, "other flags may change");
    check(*seen(data), *lm_pt_entry(root, data, 1), "it still shows them");
    check(lm_pt_write(&root[SLOT], 0), 0, "taken away");
}

static void trees(const uint64_t *root, const void *data)
{
    uint64_t *copy = copy_of(root), *other;
    struct mmuext_op op = {.cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = lm_virt_to_mfn(copy)};
    struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = lm_virt_to_mfn(copy)};

    copy[SLOT] = self(copy, READ);
    check(lm_pt_pin_root(copy), allowed ? 0 : -XEN_EINVAL, "pin a root that names itself");
    if (!allowed)
        return;
    check(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "load it");
    reads(copy, data);
    op.arg1.mfn = lm_virt_to_mfn(root);
    check(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0, "load the first");
    check(hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF), 0, "unpin it");
    check(lm_protect(copy, LM_PTE_DATA), 0, "it is an ordinary page again");
    copy[SLOT] = self(copy, LM_PTE_TABLE);
    check(lm_pt_pin_root(copy), -XEN_EINVAL, "one that names itself writable");
    lm_protect(copy, LM_PTE_DATA);
    other = copy_of(root);
    copy[SLOT] = 0;
    check(lm_pt_pin_root(copy), 0, "one without");
    other[SLOT] = self(copy, READ);
    check(lm_pt_pin_root(other), xen ? 0 : -XEN_EINVAL, "one that names another L4");
}

int main(void)
{
    uint64_t *root = lm_boot_root();
    void *data = check_page();
    const char *mode = (const char *)lm_start_info->cmd_line;

    provoke_init();
    xen = strcmp(mode, "xen") == 0;
    allowed = xen || strcmp(mode, "allowed") == 0;
    entries(root, data);
    trees(root, data);
    return check_done();
}
