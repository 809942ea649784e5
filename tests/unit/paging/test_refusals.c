/* What the log says about what was refused: one line each, in the caller's log, with what somebody
 * who ports a kernel needs to find his mistake. */
#include <stdio.h>
#include <string.h>

#include "core/hypercall.h"
#include "guest.h"
#include "paging/paging.h"
#include "paging/update.h"

static struct guest g;

/* The call that was just made gave this error and exactly this line. */
static void __attribute__((format(printf, 3, 4))) refused(long rc, long want, const char *fmt, ...)
{
    char line[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    assert_int_equal(rc, want);
    assert_string_equal(env_log, line);
    assert_int_equal(env_log_lines, 1);
    assert_ptr_equal(env_log_of, env_current->domain);
    env_log_lines = 0;
    env_log[0] = 0;
    check();
}

static uint64_t l1_slot(unsigned page)
{
    return machine(g.page[AT_L1], pte_index(va_of(page), 1));
}

static long map(unsigned page, uint64_t pte)
{
    return do_update_va_mapping(va_of(page), pte, 0);
}

static void names_flags(void **state)
{
    static const struct {
        uint64_t flags;
        const char *names;
    } l1[] = {
        {PTE_PWT, "PWT"},
        {PTE_PCD, "PCD"},
        {PTE_PSE, "PAT"},
        {PTE_GRANT, "bit 62"},
        {PTE_PWT | PTE_PCD | PTE_PSE | PTE_GLOBAL, "PWT PCD PAT"},
    };
    static const char *const upper[] = {"PWT", "PCD", "PSE (superpage)", "GLOBAL",
                                        "PWT PCD PSE (superpage) GLOBAL"};
    static const uint64_t upper_flags[] = {PTE_PWT, PTE_PCD, PTE_PSE, PTE_GLOBAL,
                                           PTE_PWT | PTE_PCD | PTE_PSE | PTE_GLOBAL};

    (void)state;
    g = guest_make();
    for (unsigned i = 0; i < ARRAY_LEN(l1); i++) {
        uint64_t pte = pte_make(g.page[1], P | l1[i].flags);

        refused(map(0, pte), -XEN_EINVAL,
                "L1[%u] of mfn %#lx = %#lx: flags %#lx are not for guests: %s",
                pte_index(va_of(0), 1), g.page[AT_L1].n, pte, l1[i].flags & ~PTE_GLOBAL,
                l1[i].names);
    }
    for (unsigned i = 0; i < ARRAY_LEN(upper); i++)
        for (unsigned at = AT_L2; at <= AT_L4; at++) {
            uint64_t pte = pte_make(g.page[at - 1], P | upper_flags[i]);

            refused(update(machine(g.page[at], 5), pte), -XEN_EINVAL,
                    "L%u[5] of mfn %#lx = %#lx: flags %#lx are not for guests: %s", at - AT_L1 + 1,
                    g.page[at].n, pte, upper_flags[i], upper[i]);
        }
    guest_end();
}

/* Everything that the table is pinned for must go first, and it says what that is. */
static void says_what_keeps_a_type(void **state)
{
    (void)state;
    g = guest_make();
    assert_int_equal(map(1, pte_make(g.page[0], RW)), 0);
    refused(ext(MMUEXT_PIN_L1_TABLE, g.page[0].n, 0), -XEN_EINVAL,
            "pin of mfn %#lx: wants an L1 page table, but that frame is a writable page (2 uses, 3 "
            "references): no writable mapping of it may be left",
            g.page[0].n);
    hide(&g, 1);
    refused(ext(MMUEXT_NEW_BASEPTR, g.page[0].n, 0), -XEN_EINVAL,
            "new_baseptr of mfn %#lx: wants an L4 page table, but that frame is a writable page (1 "
            "use, 2 references): no writable mapping of it may be left",
            g.page[0].n);
    hide(&g, 0);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, g.page[0].n, 0), 0);
    refused(map(0, pte_make(g.page[0], RW)), -XEN_EBUSY,
            "L1[%u] of mfn %#lx -> mfn %#lx: wants a writable page, but that frame is an L1 page "
            "table (1 use, pinned, 2 references)",
            pte_index(va_of(0), 1), g.page[AT_L1].n, g.page[0].n);
    refused(update(machine(g.page[AT_L3], 9), pte_make(g.page[0], P)), -XEN_EINVAL,
            "L3[9] of mfn %#lx -> mfn %#lx: wants an L2 page table, but that frame is an L1 page "
            "table (1 use, pinned, 2 references)",
            g.page[AT_L3].n, g.page[0].n);
    refused(ext(MMUEXT_PIN_L1_TABLE, g.page[0].n, 0), -XEN_EINVAL,
            "pin of mfn %#lx: it is pinned already", g.page[0].n);
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, g.page[0].n, 0), 0);
    refused(ext(MMUEXT_UNPIN_TABLE, g.page[0].n, 0), -XEN_EINVAL,
            "unpin of mfn %#lx: it is not pinned", g.page[0].n);
    refused(ext(MMUEXT_UNPIN_TABLE, 120, 0), -XEN_EINVAL,
            "unpin of mfn 0x78: it is not a frame of the domain");
    guest_end();
}

static void says_whose_a_frame_is(void **state)
{
    struct domain *other;
    mfn_t theirs;
    uint32_t done;
    struct mmu_update req;
    unsigned index = pte_index(va_of(0), 1);

    (void)state;
    g = guest_make();
    other = env_new_domain(1, 8);
    theirs = frames_alloc_for_domain(other, 0);
    refused(map(0, pte_make(theirs, P)), -XEN_EBUSY,
            "L1[%u] of mfn %#lx -> mfn %#lx: wants a page of the domain, but that frame is another "
            "domain's",
            index, g.page[AT_L1].n, theirs.n);
    refused(map(0, pte_make(mfn(120), RW)), -XEN_EBUSY,
            "L1[%u] of mfn %#lx -> mfn 0x78: wants a writable page, but that frame is free or the "
            "hypervisor's",
            index, g.page[AT_L1].n);
    refused(map(0, pte_make(mfn(ENV_FRAMES), P)), -XEN_EPERM,
            "L1[%u] of mfn %#lx -> mfn %#x: wants a page of the domain, but there is no memory at "
            "that frame",
            index, g.page[AT_L1].n, ENV_FRAMES);
    refused(update(machine(theirs, 0) | MMU_MACHPHYS_UPDATE, 1), -XEN_EINVAL,
            "M2P update of mfn %#lx: wants a page of the domain, but that frame is another "
            "domain's",
            theirs.n);
    /* Who may map others' frames is told whose they are. */
    g.d->privileges = PRIV_FOREIGN_MAP;
    refused(map(0, pte_make(theirs, P)), -XEN_EBUSY,
            "L1[%u] of mfn %#lx -> mfn %#lx: wants a page of the domain, but that frame is domain "
            "%u's, not domain %u's",
            index, g.page[AT_L1].n, theirs.n, other->id, g.d->id);
    req = (struct mmu_update){l1_slot(0), pte_make(g.page[1], P)};
    refused(do_mmu_update(gp(&req), 1, gp(&done), other->id), -XEN_EBUSY,
            "L1[%u] of mfn %#lx -> mfn %#lx: wants a page of the domain, but that frame is domain "
            "%u's, not domain %u's",
            index, g.page[AT_L1].n, g.page[1].n, g.d->id, other->id);
    guest_end();
}

static void says_why_no_foreign_domain(void **state)
{
    struct domain *other;
    struct mmu_update req = {0};
    struct mmuext_op op = {.cmd = MMUEXT_NEW_BASEPTR};
    uint32_t done;

    (void)state;
    g = guest_make();
    other = env_new_domain(1, 8);
    refused(do_mmu_update(gp(&req), 1, gp(&done), other->id), -XEN_EPERM,
            "foreign domain %u: that takes the privilege foreign-map", other->id);
    refused(do_mmuext_op(gp(&op), 1, gp(&done), 4), -XEN_ESRCH,
            "foreign domain 4: there is none of that number");
    refused(do_update_va_mapping_otherdomain(va_of(0), 0, 0, g.d->id), -XEN_ESRCH,
            "foreign domain %u: that is the caller: it is DOMID_SELF here", g.d->id);
    refused(do_mmu_update(gp(&req), 1, gp(&done), DOMID_IO), -XEN_EPERM,
            "foreign domain %u: devices and the hypervisor are not mapped", DOMID_IO);
    g.d->privileges = PRIV_FOREIGN_MAP;
    refused(do_mmuext_op(gp(&op), 1, gp(&done), other->id), -XEN_EPERM,
            "foreign domain %u: this mmuext_op is for the caller only", other->id);
    req.ptr = machine(g.page[0], 0) | MMU_MACHPHYS_UPDATE;
    refused(do_mmu_update(gp(&req), 1, gp(&done), (other->id + 1u) << 16 | DOMID_SELF), -XEN_EPERM,
            "foreign domain %u: M2P updates are not made in its name", other->id);
    req = (struct mmu_update){machine(g.page[AT_L2], 3), pte_make(g.page[AT_L1], P)};
    refused(do_mmu_update(gp(&req), 1, gp(&done), other->id), -XEN_EINVAL,
            "L2[3] of mfn %#lx: only L1 entries name others' frames", g.page[AT_L2].n);
    /* The caller's log, not that of the domain whose table it is. */
    op = (struct mmuext_op){.cmd = MMUEXT_PIN_L2_TABLE,
                            .arg1.mfn = frames_alloc_for_domain(other, 0).n};
    bytes(mfn(op.arg1.mfn))[7] = pte_make(g.page[0], P);
    refused(do_mmuext_op(gp(&op), 1, gp(&done), other->id), -XEN_EINVAL,
            "L2[7] of mfn %#lx -> mfn %#lx: wants an L1 page table, but that frame is domain %u's, "
            "not domain %u's",
            op.arg1.mfn, g.page[0].n, g.d->id, other->id);
    other->dying = true;
    bytes(mfn(op.arg1.mfn))[7] = 0;
    refused(do_mmuext_op(gp(&op), 1, gp(&done), other->id), -XEN_EINVAL,
            "pin of mfn %#lx: wants an L2 page table, but the domain is being destroyed",
            op.arg1.mfn);
    other->dying = false;
    guest_end();
}

static void says_when_counts_are_full(void **state)
{
    struct frame *f;
    uint64_t type;

    (void)state;
    g = guest_make();
    f = frame_at(g.page[0]);
    type = f->type;
    f->refs = UINT32_MAX;
    assert_int_equal(map(1, pte_make(g.page[0], P)), -XEN_EBUSY);
    assert_logged(
        "wants a page of the domain, but that frame is a writable page (1 use, 4294967295 "
        "references): no more can be counted");
    f->refs = 2;
    f->type |= TYPE_USES;
    assert_int_equal(map(1, pte_make(g.page[0], RW)), -XEN_EBUSY);
    assert_logged("wants a writable page, but that frame is a writable page (67108863 uses, 2 "
                  "references): no more can be counted");
    assert_int_equal(arch_grant_map(va_of(1), g.page[0], GNTMAP_host_map), GNTST_general_error);
    assert_logged("grant mapping at 0x401000: no more uses of the frame can be counted");
    f->type = type;
    f = frame_at(g.page[AT_L1]);
    type = f->type;
    f->type |= TYPE_USES;
    assert_int_equal(update(machine(g.page[AT_L2], 3), pte_make(g.page[AT_L1], P)), -XEN_EINVAL);
    assert_logged("wants an L1 page table, but that frame is an L1 page table (67108863 uses, 3 "
                  "references): no more can be counted");
    f->type = type;
    env_log_lines = 0;
    guest_end();
}

static void says_what_cannot_be_written(void **state)
{
    (void)state;
    g = guest_make();
    refused(ext(MMUEXT_CLEAR_PAGE, g.page[AT_L2].n, 0), -XEN_EINVAL,
            "clear_page of mfn %#lx: wants a writable page, but that frame is an L2 page table (1 "
            "use, 3 references)",
            g.page[AT_L2].n);
    refused(ext(MMUEXT_COPY_PAGE, g.page[0].n, 120), -XEN_EINVAL,
            "copy_page of mfn 0x78: wants a page of the domain, but that frame is free or the "
            "hypervisor's");
    refused(ext(MMUEXT_COPY_PAGE, g.page[AT_L4].n, g.page[0].n), -XEN_EINVAL,
            "copy_page of mfn %#lx: wants a writable page, but that frame is an L4 page table (2 "
            "uses, pinned, 4 references)",
            g.page[AT_L4].n);
    refused(update(120ul << 12, 0), -XEN_EINVAL,
            "mmu_update of mfn 0x78: wants a writable page, but that frame is free or the "
            "hypervisor's");
    refused(do_update_descriptor(machine(g.page[AT_L1], 5), 0), -XEN_EINVAL,
            "update_descriptor of mfn %#lx: wants a writable page, but that frame is an L1 page "
            "table (1 use, 3 references)",
            g.page[AT_L1].n);
    refused(do_update_descriptor(machine(g.page[0], 5) + 4, 0), -XEN_EINVAL,
            "update_descriptor at %#lx: not on 8 bytes", machine(g.page[0], 5) + 4);
    refused(do_set_gdt(gp(&g.page[0]), 7169), -XEN_EINVAL, "set_gdt of 7169 entries: at most 7168");
    refused(map(1u << 20, 0), -XEN_EINVAL,
            "update_va_mapping at %#lx: there is no L1 page table for that", va_of(1u << 20));
    refused(update(machine(g.page[AT_L4], 260), 0), -XEN_EINVAL,
            "L4[260] of mfn %#lx: slots 256 to 271 are the hypervisor's", g.page[AT_L4].n);
    guest_end();
}

static void says_what_shared_pages_are_not(void **state)
{
    void *page;
    mfn_t m;

    (void)state;
    g = guest_make();
    page = arch_share_page(g.d, true);
    m = arch_page_mfn(page);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, m.n, 0), -XEN_EINVAL);
    assert_logged("a writable page (1 use, 1 references): it is the hypervisor's, and never a "
                  "table");
    arch_unshare_page(g.d, page);
    guest_end();
}

static void says_why_no_grant(void **state)
{
    const uint32_t by_entry = GNTMAP_host_map | GNTMAP_contains_pte;
    struct domain *other;
    mfn_t theirs;

    (void)state;
    g = guest_make();
    other = env_new_domain(1, 8);
    theirs = frames_alloc_for_domain(other, 0);
    refused(arch_grant_map(va_of(1u << 20), theirs, GNTMAP_host_map), GNTST_general_error,
            "grant mapping at %#lx: there is no L1 page table for that", va_of(1u << 20));
    refused(arch_grant_map(machine(g.page[5], 0), theirs, by_entry), GNTST_general_error,
            "grant mapping at %#lx: there is no L1 page table for that", machine(g.page[5], 0));
    refused(arch_grant_unmap(va_of(0), theirs, GNTMAP_host_map), GNTST_general_error,
            "grant unmapping at %#lx: the entry is not that mapping any more", va_of(0));
    guest_end();
}

static void says_why_no_direct_write(void **state)
{
    uint64_t *entry;

    (void)state;
    g = guest_make();
    assert_null(paging_lock_entry(g.v, va_of(AT_L2)));
    refused(0, 0,
            "direct write of mfn %#lx: wants an L1 page table, but that frame is an L2 page table "
            "(1 use, 3 references)",
            g.page[AT_L2].n);
    /* A page of its own that it has read-only, a writable one, none: its own affair. */
    assert_int_equal(map(3, pte_make(g.page[3], P)), 0);
    assert_null(paging_lock_entry(g.v, va_of(3)));
    assert_null(paging_lock_entry(g.v, va_of(4)));
    assert_null(paging_lock_entry(g.v, va_of(1u << 20)));
    assert_int_equal(env_log_lines, 0);
    entry = paging_lock_entry(g.v, va_of(AT_L1) + 8);
    assert_ptr_equal(entry, &bytes(g.page[AT_L1])[1]);
    assert_int_equal(paging_write_entry(g.v, entry, 0, pte_make(g.page[AT_L1], RW)), -XEN_EBUSY);
    paging_unlock(g.d);
    refused(0, 0,
            "L1[1] of mfn %#lx -> mfn %#lx: wants a writable page, but that frame is an L1 page "
            "table (1 use, 3 references)",
            g.page[AT_L1].n, g.page[AT_L1].n);
    guest_end();
}

static void says_why_no_ldt(void **state)
{
    uint64_t at;

    (void)state;
    g = guest_make();
    refused(ext(MMUEXT_SET_LDT, va_of(0) + 8, 1), -XEN_EINVAL,
            "set_ldt of 1 entries at %#lx: at most 8192, on a page of the guest's", va_of(0) + 8);
    assert_int_equal(ext(MMUEXT_SET_LDT, va_of(0), 1), 0);
    assert_false(paging_ldt_fault(0, &at));
    refused(
        0, 0,
        "load of an LDT page of mfn %#lx: wants a descriptor page, but that frame is a writable "
        "page (1 use, 2 references): no writable mapping of it may be left",
        g.page[0].n);
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_flags),
        cmocka_unit_test(says_what_keeps_a_type),
        cmocka_unit_test(says_whose_a_frame_is),
        cmocka_unit_test(says_why_no_foreign_domain),
        cmocka_unit_test(says_when_counts_are_full),
        cmocka_unit_test(says_what_cannot_be_written),
        cmocka_unit_test(says_what_shared_pages_are_not),
        cmocka_unit_test(says_why_no_grant),
        cmocka_unit_test(says_why_no_direct_write),
        cmocka_unit_test(says_why_no_ldt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
