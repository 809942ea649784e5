#include "guest.h"

#define CODE   0x00af9a000000fffful /* 64-bit, DPL 0 */
#define CODE3  0x00affa000000fffful
#define DATA3  0x00cff2000000fffful
#define TSS    0x0000890000000067ul
#define GATE   0x0000ec0000080000ul /* call gate, DPL 3 */
#define ABSENT 0x0000000000000067ul

static void loads_a_gdt(void **state)
{
    struct guest g = guest_make();
    uint64_t frames[FIRST_RESERVED_GDT_PAGE];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(frames); i++) {
        frames[i] = g.page[i].n;
        hide(&g, i);
    }
    bytes(g.page[0])[1] = CODE;
    bytes(g.page[0])[2] = DATA3;
    bytes(g.page[0])[3] = ABSENT;
    assert_int_equal(do_set_gdt(gp(frames), 4), 0);
    assert_int_equal(bytes(g.page[0])[1], CODE3); /* ring 3 is where guests are */
    assert_int_equal(type_of(g.page[0]), TYPE_DESCRIPTOR);
    check();
    assert_int_equal(do_update_va_mapping(va_of(0), pte_make(g.page[0], RW), 0), -XEN_EBUSY);
    assert_logged("a descriptor page (1 use,");
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, frames[0], 0), -XEN_EINVAL);
    assert_int_equal(do_set_gdt(gp(frames), FIRST_RESERVED_GDT_ENTRY), 0);
    assert_int_equal(uses_of(g.page[13]), 1);
    check();
    assert_int_equal(do_set_gdt(gp(frames), FIRST_RESERVED_GDT_ENTRY + 1), -XEN_EINVAL);
    assert_int_equal(do_set_gdt(guest_ptr(8), 1), -XEN_EFAULT);
    frames[1] = frames[0];
    assert_int_equal(do_set_gdt(gp(frames), 1024), 0);
    assert_int_equal(uses_of(g.page[0]), 2);
    /* One bad page: nothing changes. */
    frames[1] = g.page[AT_L1].n;
    assert_int_equal(do_set_gdt(gp(frames), 1024), -XEN_EINVAL);
    assert_logged("set_gdt of mfn");
    frames[1] = g.page[20].n; /* mapped writable */
    assert_int_equal(do_set_gdt(gp(frames), 1024), -XEN_EINVAL);
    frames[1] = g.page[5].n;
    bytes(g.page[5])[511] = TSS;
    assert_int_equal(do_set_gdt(gp(frames), 1024), -XEN_EINVAL);
    assert_logged("descriptor 511 of mfn");
    assert_int_equal(uses_of(g.page[0]), 2);
    check();
    assert_int_equal(do_set_gdt(gp(frames), 0), 0);
    assert_int_equal(uses_of(g.page[0]), 0);
    assert_int_equal(do_update_va_mapping(va_of(0), pte_make(g.page[0], RW), 0), 0);
    guest_end();
}

static void writes_descriptors(void **state)
{
    struct guest g = guest_make();
    static const uint64_t bad[] = {TSS, GATE, 0x0000820000000000ul, 0x00008e0000000000ul};
    static const uint64_t good[] = {0, ABSENT, CODE3, DATA3, 0x0000800000000000ul};

    (void)state;
    hide(&g, 0);
    assert_int_equal(do_set_gdt(gp(&g.page[0]), 8), 0);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(do_update_descriptor(machine(g.page[0], 5), bad[i]), -XEN_EINVAL);
        assert_logged("only code and data segments");
        assert_int_equal(do_update_descriptor(machine(g.page[1], 5), bad[i]), -XEN_EINVAL);
        assert_int_equal(bytes(g.page[0])[5], 0);
    }
    for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(do_update_descriptor(machine(g.page[0], 5), good[i]), 0);
        assert_int_equal(bytes(g.page[0])[5], good[i]);
    }
    assert_int_equal(do_update_descriptor(machine(g.page[0], 511), CODE), 0);
    assert_int_equal(bytes(g.page[0])[511], CODE3);
    assert_int_equal(do_update_descriptor(machine(g.page[1], 5), DATA3), 0); /* an ordinary page */
    assert_int_equal(bytes(g.page[1])[5], DATA3);
    assert_int_equal(do_update_descriptor(machine(g.page[AT_L1], 5), 0), -XEN_EINVAL);
    assert_logged("wants a writable page, but that frame is an L1 page table (1 use,");
    assert_int_equal(do_update_descriptor(machine(g.page[0], 5) + 4, 0), -XEN_EINVAL);
    assert_int_equal(do_update_descriptor(machine(mfn(120), 5), 0), -XEN_EINVAL);
    assert_int_equal(do_update_descriptor(~0ul << 3, 0), -XEN_EINVAL);
    guest_end();
}

static void maps_ldt_pages_when_used(void **state)
{
    struct guest g = guest_make();
    uint64_t at;

    (void)state;
    assert_int_equal(ext(MMUEXT_SET_LDT, va_of(0), 8193), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_SET_LDT, va_of(0) + 8, 1), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_SET_LDT, RESERVED_START, 1), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_SET_LDT, 0x800000000000, 1), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_SET_LDT, va_of(0), 1024), 0);
    assert_false(paging_ldt_fault(0, &at)); /* mapped writable */
    assert_int_equal(at, va_of(0));
    assert_int_equal(do_update_va_mapping(va_of(0), pte_make(g.page[0], P), 0), 0);
    assert_true(paging_ldt_fault(8, &at));
    assert_true(paging_ldt_fault(8, &at)); /* another CPU's fault may have come first */
    assert_int_equal(type_of(g.page[0]), TYPE_DESCRIPTOR);
    check();
    assert_int_equal(do_update_va_mapping(va_of(0), pte_make(g.page[0], RW), 0), -XEN_EBUSY);
    assert_false(paging_ldt_fault(2 * PAGE_SIZE, &at)); /* beyond its limit */
    assert_int_equal(at, va_of(2));
    hide(&g, 1);
    assert_false(paging_ldt_fault(PAGE_SIZE + 16, &at));
    assert_int_equal(at, va_of(1) + 16);
    assert_int_equal(ext(MMUEXT_SET_LDT, va_of(0), 1024), 0); /* the same: stays mapped */
    assert_int_equal(uses_of(g.page[0]), 1);
    assert_int_equal(ext(MMUEXT_SET_LDT, 123, 0), 0);
    assert_int_equal(uses_of(g.page[0]), 0);
    assert_int_equal(ext(MMUEXT_SET_LDT, va_of(0), 1), 0);
    assert_true(paging_ldt_fault(0, &at));
    /* Other tables may map something else there. */
    hide(&g, 1);
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, g.page[1].n, 0), 0);
    assert_int_equal(uses_of(g.page[0]), 0);
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, g.page[AT_L4].n, 0), 0);
    guest_end();
}

static void maps_grants(void **state)
{
    struct guest g = guest_make();
    struct domain *other = env_new_domain(1, 8);
    mfn_t theirs = frames_alloc_for_domain(other, 0);
    uint64_t *entry = &bytes(g.page[AT_L1])[pte_index(va_of(0), 1)];
    uint64_t by_entry = machine(g.page[AT_L1], pte_index(va_of(1), 1));
    const uint32_t ro = GNTMAP_host_map | GNTMAP_readonly, rw = GNTMAP_host_map;

    (void)state;
    assert_int_equal(arch_frame_get(theirs, other, true), 0); /* as core/grant.c does */
    frame_put_use(frame_at(theirs));
    frame_put(frame_at(theirs));
    assert_int_equal(arch_grant_map(va_of(0), theirs, rw), GNTST_okay);
    assert_int_equal(*entry & ~(PTE_ACCESSED | PTE_DIRTY),
                     pte_make(theirs, RW | PTE_USER | PTE_GUEST_KERNEL));
    assert_int_equal(uses_of(theirs), 1);
    assert_int_equal(uses_of(g.page[0]), 0); /* what was there is unmapped */
    check();
    assert_int_equal(arch_grant_map(by_entry, theirs, ro | GNTMAP_contains_pte), GNTST_okay);
    assert_int_equal(refs_of(theirs), 3);
    check();
    assert_int_equal(arch_grant_unmap(va_of(0), theirs, ro), GNTST_general_error);
    assert_int_equal(arch_grant_unmap(va_of(0), g.page[0], rw), GNTST_general_error);
    assert_int_equal(arch_grant_unmap(va_of(2), theirs, rw), GNTST_general_error);
    env_tlb_fill(0);
    assert_int_equal(arch_grant_unmap(va_of(0), theirs, rw), GNTST_okay);
    assert_int_equal(arch_grant_unmap(va_of(0), theirs, rw), GNTST_general_error);
    assert_int_equal(arch_grant_unmap(by_entry, theirs, ro | GNTMAP_contains_pte), GNTST_okay);
    arch_grant_flush();
    assert_int_equal(refs_of(theirs), 1);
    assert_int_equal(uses_of(theirs), 0);
    /* Nowhere to map it. */
    assert_int_equal(arch_grant_map(RESERVED_START, theirs, rw), GNTST_general_error);
    assert_int_equal(arch_grant_map(0, theirs, rw), GNTST_general_error);
    assert_int_equal(arch_grant_map(by_entry + 4, theirs, rw | GNTMAP_contains_pte),
                     GNTST_general_error);
    assert_int_equal(arch_grant_map(machine(g.page[5], 0), theirs, rw | GNTMAP_contains_pte),
                     GNTST_general_error);
    assert_int_equal(arch_grant_map(machine(g.page[AT_L2], 0), theirs, rw | GNTMAP_contains_pte),
                     GNTST_general_error);
    assert_int_equal(arch_grant_map(machine(mfn(ENV_FRAMES), 0), theirs, rw | GNTMAP_contains_pte),
                     GNTST_general_error);
    assert_int_equal(refs_of(theirs), 1);
    /* Unmapped by the guest without a word: the owner may use it as it likes then. */
    assert_int_equal(arch_grant_map(va_of(0), theirs, rw | GNTMAP_application_map), GNTST_okay);
    assert_int_equal(*entry & (PTE_GLOBAL | PTE_GUEST_KERNEL), PTE_GLOBAL);
    env_tlb_fill(0);
    hide(&g, 0);
    env_run(other->vcpu[0]);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, theirs.n, 0), 0);
    check();
    guest_end();
}

static void flushes(void **state)
{
    uint64_t vcpus = 1;
    static const unsigned own[] = {
        MMUEXT_TLB_FLUSH_LOCAL,
        MMUEXT_INVLPG_LOCAL,
        MMUEXT_TLB_FLUSH_ALL,
        MMUEXT_INVLPG_ALL,
    };

    (void)state;
    guest_make();
    for (unsigned i = 0; i < ARRAY_LEN(own); i++)
        assert_int_equal(ext(own[i], va_of(0), 0), 0);
    assert_int_equal(ext(MMUEXT_INVLPG_LOCAL, 0x800000000000, 0), 0);
    assert_int_equal(ext(MMUEXT_TLB_FLUSH_MULTI, 0, (uint64_t)&vcpus), 0);
    assert_int_equal(ext(MMUEXT_INVLPG_MULTI, va_of(0), (uint64_t)&vcpus), 0);
    assert_int_equal(ext(MMUEXT_TLB_FLUSH_MULTI, 0, 8), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_INVLPG_MULTI, 0, 8), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_FLUSH_CACHE, 0, 0), -XEN_EACCES);
    assert_int_equal(ext(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), -XEN_EACCES);
    assert_int_equal(ext(MMUEXT_MARK_SUPER, 0, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(ext(MMUEXT_UNMARK_SUPER, 0, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(ext(14, 0, 0), -XEN_ENOSYS);
    assert_int_equal(ext(99, 0, 0), -XEN_ENOSYS);
    assert_int_equal(do_mmuext_op(guest_ptr(8), 1, guest_ptr(0), DOMID_SELF), -XEN_EFAULT);
    env_set_subops(false);
    assert_int_equal(ext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), -XEN_ENOSYS);
    env_set_subops(true);
    guest_end();
}

static void clears_and_copies(void **state)
{
    struct guest g = guest_make();

    (void)state;
    bytes(g.page[0])[5] = 55;
    assert_int_equal(ext(MMUEXT_COPY_PAGE, g.page[1].n, g.page[0].n), 0);
    assert_int_equal(bytes(g.page[1])[5], 55);
    assert_int_equal(ext(MMUEXT_COPY_PAGE, g.page[1].n, g.page[1].n), 0);
    assert_int_equal(ext(MMUEXT_CLEAR_PAGE, g.page[1].n, 0), 0);
    assert_int_equal(bytes(g.page[1])[5], 0);
    assert_int_equal(ext(MMUEXT_COPY_PAGE, g.page[1].n, g.page[AT_L1].n), 0); /* reading is fine */
    assert_int_equal(ext(MMUEXT_CLEAR_PAGE, g.page[AT_L1].n, 0), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_COPY_PAGE, g.page[AT_L1].n, g.page[0].n), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_COPY_PAGE, g.page[0].n, 120), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_CLEAR_PAGE, ~0ul, 0), -XEN_EINVAL);
    guest_end();
}

static long memory(unsigned cmd, uint64_t start, void *list, uint64_t n, unsigned order,
                   uint16_t id)
{
    struct xen_memory_reservation r = {
        .extent_start = gp(list), .nr_extents = n, .extent_order = order, .domid = id};

    return do_memory_op(cmd | start << 6, gp(&r));
}

static void changes_the_reservation(void **state)
{
    struct guest g = guest_make();
    uint64_t list[17] = {0};
    struct xen_memory_domain self = {DOMID_SELF}, nobody = {99};

    (void)state;
    for (unsigned i = 0; i < 17; i++)
        list[i] = 1000 + i;
    /* The allowance is 16 more. */
    assert_int_equal(memory(XENMEM_populate_physmap, 0, list, 17, 0, DOMID_SELF), 16);
    assert_int_equal(do_memory_op(XENMEM_current_reservation, gp(&self)), GUEST_PAGES + 16);
    assert_int_equal(do_memory_op(XENMEM_maximum_reservation, gp(&self)), GUEST_PAGES + 16);
    assert_int_equal(list[16], 1016);
    assert_int_equal(m2p_get(mfn(list[3])), 1003);
    check();
    assert_int_equal(memory(XENMEM_decrease_reservation, 1, list, 17, 0, DOMID_SELF), 16);
    assert_int_equal(memory(XENMEM_decrease_reservation, 0, list, 1, 0, DOMID_SELF), 1);
    assert_int_equal(memory(XENMEM_decrease_reservation, 0, list, 1, 0, DOMID_SELF), 0);
    assert_int_equal(memory(XENMEM_decrease_reservation, 0, (uint64_t[]){~0ul}, 1, 0, DOMID_SELF),
                     0);
    assert_int_equal(g.d->pages, GUEST_PAGES);
    list[0] = 5000;
    assert_int_equal(memory(XENMEM_populate_physmap, 0, list, 1, 4, DOMID_SELF), 1);
    assert_int_equal(list[0] % 16, 0);
    assert_int_equal(m2p_get(mfn(list[0] + 15)), 5015);
    assert_int_equal(memory(XENMEM_decrease_reservation, 0, list, 1, 4, DOMID_SELF), 1);
    check();
    /* None of these does anything. */
    assert_int_equal(memory(XENMEM_populate_physmap, 0, list, 1, 10, DOMID_SELF), 0);
    assert_int_equal(memory(XENMEM_populate_physmap, 3, list, 2, 0, DOMID_SELF), 3);
    assert_int_equal(memory(XENMEM_populate_physmap, 0, list, ~0ul, 0, DOMID_SELF), 0);
    assert_int_equal(memory(XENMEM_populate_physmap, 0, list, 1, 0, 99), 0);
    assert_int_equal(memory(XENMEM_populate_physmap, 0, (void *)8, 1, 0, DOMID_SELF), 0);
    assert_int_equal(do_memory_op(XENMEM_populate_physmap | 7 << 6, guest_ptr(8)), 7);
    assert_int_equal(g.d->pages, GUEST_PAGES);
    assert_int_equal(do_memory_op(XENMEM_current_reservation, gp(&nobody)), -XEN_ESRCH);
    assert_int_equal(do_memory_op(XENMEM_current_reservation, guest_ptr(8)), -XEN_EFAULT);
    /* A table in use can be given up: it goes when it is no table any more. */
    list[0] = g.page[AT_L1].n;
    assert_int_equal(memory(XENMEM_decrease_reservation, 0, list, 1, 0, DOMID_SELF), 1);
    check();
    guest_end();
}

static void only_control_changes_others(void **state)
{
    struct guest g = guest_make();
    struct domain *other = env_new_domain(1, 4);
    struct xen_memory_domain who = {other->id};
    uint64_t list[1] = {7};

    (void)state;
    assert_int_equal(memory(XENMEM_populate_physmap, 0, list, 1, 0, other->id), 0);
    assert_int_equal(do_memory_op(XENMEM_current_reservation, gp(&who)), -XEN_EPERM);
    g.d->privileges = PRIV_CONTROL;
    assert_int_equal(memory(XENMEM_populate_physmap, 0, list, 1, 0, other->id), 1);
    assert_int_equal(do_memory_op(XENMEM_current_reservation, gp(&who)), 1);
    assert_int_equal(memory(XENMEM_decrease_reservation, 0, list, 1, 0, other->id), 1);
    check();
    guest_end();
}

static void honours_address_bits(void **state)
{
    struct guest g = guest_make();
    uint64_t list[1] = {7};
    struct xen_memory_reservation r = {
        .extent_start = gp(list), .nr_extents = 1, .domid = DOMID_SELF};

    (void)state;
    r.mem_flags = XENMEMF_address_bits(64);
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, gp(&r)), 1);
    r.mem_flags = XENMEMF_address_bits(13);
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, gp(&r)), 0);
    r.mem_flags = XENMEMF_populate_on_demand;
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, gp(&r)), 0);
    assert_int_equal(g.d->pages, GUEST_PAGES + 1);
    guest_end();
}

static void tells_about_memory(void **state)
{
    struct guest g = guest_make();
    struct xen_e820_entry ram[2];
    struct xen_memory_map map = {.nr_entries = 2, .buffer = gp(ram)};
    struct xen_machphys_mapping m2p;

    (void)state;
    assert_int_equal(do_memory_op(XENMEM_memory_map, gp(&map)), 0);
    assert_int_equal(map.nr_entries, 1);
    assert_int_equal(ram[0].addr, 0);
    assert_int_equal(ram[0].size, g.d->max_pages * PAGE_SIZE);
    assert_int_equal(ram[0].type, E820_RAM);
    map.nr_entries = 0;
    map.buffer = guest_ptr(8);
    assert_int_equal(do_memory_op(XENMEM_memory_map, gp(&map)), 0);
    assert_int_equal(map.nr_entries, 0);
    map.nr_entries = 1;
    assert_int_equal(do_memory_op(XENMEM_memory_map, gp(&map)), -XEN_EFAULT);
    assert_int_equal(do_memory_op(XENMEM_memory_map, guest_ptr(8)), -XEN_EFAULT);
    assert_int_equal(do_memory_op(XENMEM_machphys_mapping, gp(&m2p)), 0);
    assert_int_equal(m2p.v_start, 0xffff800000000000ul);
    assert_int_equal(m2p.v_end, 0xffff804000000000ul);
    assert_int_equal(m2p.max_mfn, (1ul << 35) - 1);
    assert_int_equal(do_memory_op(XENMEM_machphys_mapping, guest_ptr(8)), -XEN_EFAULT);
    assert_int_equal(do_memory_op(XENMEM_maximum_ram_page, guest_ptr(0)), ENV_FRAMES);
    assert_int_equal(do_memory_op(63, guest_ptr(0)), -XEN_ENOSYS);
    env_set_subops(false);
    assert_int_equal(do_memory_op(XENMEM_maximum_ram_page, guest_ptr(0)), -XEN_ENOSYS);
    env_set_subops(true);
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_a_gdt),
        cmocka_unit_test(writes_descriptors),
        cmocka_unit_test(maps_ldt_pages_when_used),
        cmocka_unit_test(maps_grants),
        cmocka_unit_test(flushes),
        cmocka_unit_test(clears_and_copies),
        cmocka_unit_test(changes_the_reservation),
        cmocka_unit_test(only_control_changes_others),
        cmocka_unit_test(honours_address_bits),
        cmocka_unit_test(tells_about_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
