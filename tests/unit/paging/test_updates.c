#include "guest.h"
#include "paging/paging.h"

static uint64_t slot(struct guest *g, unsigned page)
{
    return machine(g->page[AT_L1], pte_index(va_of(page), 1));
}

static uint64_t entry(struct guest *g, unsigned page)
{
    return bytes(g->page[AT_L1])[pte_index(va_of(page), 1)];
}

static void maps_and_unmaps(void **state)
{
    struct guest g = guest_make();

    (void)state;
    assert_int_equal(update(slot(&g, 0), pte_make(g.page[1], RW | PTE_NX)), 0);
    assert_int_equal(entry(&g, 0), pte_make(g.page[1], RW | PTE_NX | PTE_USER | PTE_GUEST_KERNEL));
    assert_int_equal(uses_of(g.page[1]), 2);
    assert_int_equal(uses_of(g.page[0]), 0);
    check();
    assert_int_equal(update(slot(&g, 0), pte_make(g.page[1], P)), 0);
    assert_int_equal(uses_of(g.page[1]), 1);
    assert_int_equal(refs_of(g.page[1]), 3);
    check();
    assert_int_equal(update(slot(&g, 0), 0xdead0ul << 12), 0); /* not present: any value */
    assert_int_equal(refs_of(g.page[1]), 2);
    assert_int_equal(update(slot(&g, 0), ~0ul & ~PTE_PRESENT), 0);
    assert_int_equal(entry(&g, 0), ~0ul & ~PTE_PRESENT);
    /* A user page that asks for more than it may. */
    assert_int_equal(update(slot(&g, 0), pte_make(g.page[1], RW | PTE_USER | PTE_PCD)),
                     -XEN_EINVAL);
    assert_int_equal(entry(&g, 0), ~0ul & ~PTE_PRESENT);
    guest_end();
}

/* The frame and what it may be used for stay: so do the references. */
static void changes_flags_cheaply(void **state)
{
    struct guest g = guest_make();
    static const uint64_t flags[] = {
        PTE_NX, PTE_USER, PTE_AVAIL, PTE_DIRTY | PTE_ACCESSED, PTE_GLOBAL | PTE_USER, 0};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++) {
        assert_int_equal(update(slot(&g, 0), pte_make(g.page[0], RW | flags[i])), 0);
        assert_int_equal(refs_of(g.page[0]), 2);
        check();
    }
    frame_at(g.page[0])->refs = ~0u; /* no new reference could be had */
    assert_int_equal(update(slot(&g, 0), pte_make(g.page[0], RW | PTE_NX)), 0);
    frame_at(g.page[0])->refs = 2;
    assert_int_equal(
        update(machine(g.page[AT_L2], pte_index(GUEST_VA, 2)), pte_make(g.page[AT_L1], P | PTE_NX)),
        0);
    assert_int_equal(uses_of(g.page[AT_L1]), 1);
    guest_end();
}

static void keeps_accessed_and_dirty(void **state)
{
    struct guest g = guest_make();

    (void)state;
    bytes(g.page[AT_L1])[pte_index(va_of(0), 1)] |= PTE_ACCESSED | PTE_DIRTY;
    assert_int_equal(update(slot(&g, 0) | MMU_PT_UPDATE_PRESERVE_AD, pte_make(g.page[0], RW)), 0);
    assert_int_equal(entry(&g, 0) & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
    assert_int_equal(update(slot(&g, 0) | MMU_PT_UPDATE_PRESERVE_AD, pte_make(g.page[1], P)), 0);
    assert_int_equal(entry(&g, 0) & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
    assert_int_equal(update(slot(&g, 0), pte_make(g.page[0], RW)), 0);
    assert_int_equal(entry(&g, 0) & (PTE_ACCESSED | PTE_DIRTY), 0);
    guest_end();
}

static void changes_upper_levels(void **state)
{
    struct guest g = guest_make();
    uint64_t l2 = machine(g.page[AT_L2], 100), l3 = machine(g.page[AT_L3], 100);
    uint64_t l4 = machine(g.page[AT_L4], 100);

    (void)state;
    hide(&g, 1);
    bytes(g.page[1])[0] = pte_make(g.page[0], RW);
    assert_int_equal(update(l2, pte_make(g.page[1], P)), 0);
    assert_int_equal(type_of(g.page[1]), TYPE_L1);
    assert_int_equal(uses_of(g.page[0]), 2);
    check();
    assert_int_equal(update(l2, pte_make(g.page[AT_L1], P)), 0); /* replaced */
    assert_int_equal(uses_of(g.page[1]), 0);
    assert_int_equal(uses_of(g.page[0]), 1);
    assert_int_equal(uses_of(g.page[AT_L1]), 2);
    check();
    assert_int_equal(update(l3, pte_make(g.page[AT_L2], P)), 0);
    assert_int_equal(update(l4, pte_make(g.page[AT_L3], P)), 0);
    assert_int_equal(bytes(g.page[AT_L4])[100], pte_make(g.page[AT_L3], P | PTE_USER));
    assert_int_equal(update(l4, pte_make(g.page[AT_L2], P)), -XEN_EINVAL);
    assert_logged("L4[100] of mfn");
    assert_int_equal(update(l3, pte_make(g.page[AT_L2], P | PTE_PSE)), -XEN_EINVAL);
    assert_int_equal(update(l2, 0), 0);
    assert_int_equal(update(machine(g.page[AT_L4], 256), 0), -XEN_EINVAL);
    assert_int_equal(update(machine(g.page[AT_L4], 271), 0), -XEN_EINVAL);
    assert_logged("slots 256 to 271 are the hypervisor's");
    assert_int_equal(update(machine(g.page[AT_L4], 255), 0), 0);
    assert_int_equal(update(machine(g.page[AT_L4], 272), 0), 0);
    guest_end();
}

static void writes_ordinary_pages(void **state)
{
    struct guest g = guest_make();

    (void)state;
    assert_int_equal(update(machine(g.page[5], 7), 0x1234567), 0);
    assert_int_equal(bytes(g.page[5])[7], 0x1234567);
    hide(&g, 5);
    assert_int_equal(update(machine(g.page[5], 7), 5), 0); /* of no type */
    assert_int_equal(bytes(g.page[5])[7], 5);
    assert_int_equal(paging_set_gdt(g.v, &g.page[5].n, 8), 0);
    assert_int_equal(update(machine(g.page[5], 7), 6), -XEN_EINVAL);
    assert_logged("descriptor page");
    assert_int_equal(update(120ul << 12, 0), -XEN_EINVAL);
    assert_int_equal(update(machine(mfn(ENV_FRAMES), 0), 0), -XEN_EINVAL);
    assert_int_equal(update(machine(bytes_frame(g.d), 0), 0), -XEN_EINVAL);
    assert_int_equal(update(machine(g.page[5], 7) | 4, 0), -XEN_ENOSYS);
    assert_int_equal(update(machine(g.page[5], 7) | 7, 0), -XEN_ENOSYS);
    guest_end();
}

static void sets_the_m2p(void **state)
{
    struct guest g = guest_make();
    struct domain *other = env_new_domain(1, 8);
    mfn_t theirs = frames_alloc_for_domain(other, 0);

    (void)state;
    assert_int_equal(update(machine(g.page[5], 0) | MMU_MACHPHYS_UPDATE, 42), 0);
    assert_int_equal(m2p_get(g.page[5]), 42);
    assert_int_equal(update(machine(theirs, 0) | MMU_MACHPHYS_UPDATE, 42), -XEN_EINVAL);
    assert_int_equal(m2p_get(theirs), M2P_INVALID);
    guest_end();
}

static struct mmu_update racing[40];

static void swap_the_list(void)
{
    static unsigned calls;

    racing[1].val = ++calls % 2 ? 1 : 0;
}

static void counts_what_it_did(void **state)
{
    struct guest g = guest_make();
    uint32_t done = 77;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(racing); i++)
        racing[i] = (struct mmu_update){machine(g.page[5], i), i};
    racing[33].ptr = 120ul << 12;
    assert_int_equal(do_mmu_update(gp(racing), 40, gp(&done), DOMID_SELF), -XEN_EINVAL);
    assert_int_equal(done, 33);
    assert_int_equal(bytes(g.page[5])[32], 32);
    assert_int_equal(bytes(g.page[5])[34], 0);
    assert_int_equal(do_mmu_update(gp(racing), 0, gp(&done), DOMID_SELF), 0);
    assert_int_equal(done, 0);
    assert_int_equal(do_mmu_update(guest_ptr(8), 3, gp(&done), DOMID_SELF), -XEN_EFAULT);
    assert_int_equal(done, 0);
    assert_int_equal(do_mmu_update(guest_ptr(8), ~0u, gp(&done), DOMID_SELF), -XEN_EFAULT);
    assert_int_equal(do_mmu_update(gp(racing), 1, guest_ptr(0), DOMID_SELF), 0);
    assert_int_equal(do_mmu_update(gp(racing), 1, guest_ptr(8), DOMID_SELF), 0);
    env_race = swap_the_list;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(do_mmu_update(gp(racing), 20, gp(&done), DOMID_SELF), 0);
    guest_end();
}

static void foreign_needs_a_privilege(void **state)
{
    struct guest g = guest_make();
    struct domain *other = env_new_domain(1, 8);
    mfn_t theirs = frames_alloc_for_domain(other, 0), table = frames_alloc_for_domain(other, 0);
    struct mmu_update req = {slot(&g, 0), pte_make(theirs, RW)};
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = table.n};
    uint32_t done, in_other = (uint32_t)(other->id + 1) << 16;

    (void)state;
    assert_int_equal(do_mmu_update(gp(&req), 1, gp(&done), other->id), -XEN_EPERM);
    assert_int_equal(do_mmu_update(gp(&req), 1, gp(&done), in_other | other->id), -XEN_EPERM);
    assert_int_equal(do_mmu_update(gp(&req), 1, gp(&done), 4), -XEN_ESRCH);
    assert_int_equal(do_mmu_update(gp(&req), 1, gp(&done), g.d->id), -XEN_ESRCH);
    assert_int_equal(do_mmu_update(gp(&req), 1, gp(&done), DOMID_IO), -XEN_EPERM);
    assert_int_equal(do_mmu_update(gp(&req), 1, gp(&done), DOMID_XEN), -XEN_EPERM);
    assert_int_equal(do_mmuext_op(gp(&pin), 1, gp(&done), other->id), -XEN_EPERM);
    assert_int_equal(do_update_va_mapping_otherdomain(va_of(0), req.val, 0, other->id), -XEN_EPERM);
    check();

    g.d->privileges = PRIV_FOREIGN_MAP;
    assert_int_equal(do_mmu_update(gp(&req), 1, gp(&done), other->id), 0);
    assert_int_equal(uses_of(theirs), 1);
    check();
    /* Gone from our TLB before its owner can make it a table. */
    env_tlb_fill(0);
    assert_int_equal(update(slot(&g, 0), 0), 0);
    assert_int_equal(do_mmuext_op(gp(&pin), 1, gp(&done), other->id), 0);
    pin.arg1.mfn = theirs.n;
    assert_int_equal(do_mmuext_op(gp(&pin), 1, gp(&done), other->id), 0);
    check();
    /* An entry of theirs, to a frame of theirs. */
    req = (struct mmu_update){machine(table, 3), pte_make(theirs, P)};
    assert_int_equal(do_mmu_update(gp(&req), 1, gp(&done), in_other | other->id), 0);
    /* Tables are not mixed. */
    req = (struct mmu_update){machine(g.page[AT_L2], 3), pte_make(theirs, P)};
    assert_int_equal(do_mmu_update(gp(&req), 1, gp(&done), other->id), -XEN_EINVAL);
    assert_int_equal(do_update_va_mapping_otherdomain(va_of(0), pte_make(theirs, P), 0, other->id),
                     0);
    check();
    guest_end();
}

static void by_virtual_address(void **state)
{
    struct guest g = guest_make();
    static const uint64_t nowhere[] = {
        0,
        GUEST_VA + (1ul << 30),
        GUEST_VA + (1ul << 21),
        0x7ffffffff000,
        0x800000000000,
        0xffff7ffffffff000,
        RESERVED_START,
        DOMAIN_AREA_START,
        RESERVED_END - PAGE_SIZE,
        ~0ul,
    };
    uint64_t vcpus = 3;

    (void)state;
    assert_int_equal(do_update_va_mapping(va_of(0), pte_make(g.page[1], P), UVMF_INVLPG), 0);
    assert_int_equal(entry(&g, 0) & PTE_FRAME, g.page[1].n << 12);
    for (unsigned i = 0; i < ARRAY_LEN(nowhere); i++)
        assert_int_equal(do_update_va_mapping(nowhere[i], 0, 0), -XEN_EINVAL);
    assert_int_equal(do_update_va_mapping(va_of(0), pte_make(g.page[AT_L1], RW), 0), -XEN_EBUSY);
    env_flushes = 0;
    assert_int_equal(do_update_va_mapping(va_of(0), 0, UVMF_NONE), 0);
    assert_int_equal(env_flushes, 0);
    assert_int_equal(do_update_va_mapping(va_of(0), 0, UVMF_TLB_FLUSH | UVMF_LOCAL), 0);
    assert_int_equal(env_flushes, 1);
    assert_int_equal(do_update_va_mapping(va_of(0), 0, UVMF_TLB_FLUSH | UVMF_ALL), 0);
    assert_int_equal(env_flushes, 2);
    assert_int_equal(do_update_va_mapping(va_of(0), 0, UVMF_TLB_FLUSH | (uint64_t)&vcpus), 0);
    assert_int_equal(env_flushes, 3);
    assert_int_equal(do_update_va_mapping(va_of(0), 0, UVMF_INVLPG | (uint64_t)&vcpus), 0);
    assert_int_equal(do_update_va_mapping(va_of(0), 0, UVMF_TLB_FLUSH | 8), -XEN_EFAULT);
    assert_int_equal(do_update_va_mapping(va_of(0), 0, UVMF_TLB_FLUSH | UVMF_INVLPG), 0);
    assert_int_equal(env_flushes, 3);
    guest_end();
}

/* An L4 that names itself holds nothing on itself, and cannot be written through that entry. */
static void an_l4_names_itself(void **state)
{
    struct guest g = guest_make();
    mfn_t l4 = g.page[AT_L4], other = g.page[1];
    uint64_t at = machine(l4, L4_SLOT_LINEAR), seen = 0x7fbffffff000 + 8;

    (void)state;
    assert_int_equal(update(at, pte_make(l4, P)), -XEN_EINVAL);
    assert_logged("names that table itself");
    g.d->privileges = PRIV_LINEAR_TABLES;
    assert_int_equal(update(at, pte_make(l4, RW)), -XEN_EINVAL);
    assert_int_equal(update(machine(l4, 254), pte_make(l4, P)), -XEN_EINVAL);
    assert_int_equal(update(machine(g.page[AT_L3], 255), pte_make(l4, P)), -XEN_EINVAL);
    assert_int_equal(update(machine(g.page[AT_L3], 255), pte_make(g.page[AT_L3], P)), -XEN_EINVAL);
    assert_int_equal(update(at, pte_make(l4, P)), 0);
    assert_int_equal(uses_of(l4), 2); /* the vCPU's and the pin */
    check();
    /* Not even as a change of flags. */
    assert_int_equal(update(at, pte_make(l4, RW)), -XEN_EINVAL);
    assert_int_equal(update(at, pte_make(l4, P | PTE_NX | PTE_ACCESSED)), 0);
    check();
    /* What is mapped there is no L1 entry to change. */
    assert_int_equal(do_update_va_mapping(seen, 0, 0), -XEN_EINVAL);
    assert_null(paging_lock_entry(g.v, seen));
    assert_int_equal(update(at, pte_make(g.page[AT_L3], RW)), 0);
    assert_int_equal(uses_of(g.page[AT_L3]), 2);
    assert_int_equal(update(at, pte_make(l4, P)), 0);
    assert_int_equal(uses_of(g.page[AT_L3]), 1);

    hide(&g, 1);
    bytes(other)[L4_SLOT_LINEAR] = pte_make(other, P);
    assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, other.n, 0), 0);
    check();
    assert_int_equal(update(machine(other, L4_SLOT_LINEAR), pte_make(l4, P)), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, other.n, 0), 0);
    assert_int_equal(uses_of(other), 0);
    bytes(other)[L4_SLOT_LINEAR] = pte_make(other, RW);
    assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, other.n, 0), -XEN_EINVAL);
    check();
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_l4_names_itself),
        cmocka_unit_test(maps_and_unmaps),
        cmocka_unit_test(changes_flags_cheaply),
        cmocka_unit_test(keeps_accessed_and_dirty),
        cmocka_unit_test(changes_upper_levels),
        cmocka_unit_test(writes_ordinary_pages),
        cmocka_unit_test(sets_the_m2p),
        cmocka_unit_test(counts_what_it_did),
        cmocka_unit_test(foreign_needs_a_privilege),
        cmocka_unit_test(by_virtual_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
