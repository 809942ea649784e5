#include <string.h>

#include "guest.h"

static void pins_every_level(void **state)
{
    struct guest g = guest_make();
    mfn_t t[5];

    (void)state;
    for (unsigned i = 1; i <= 4; i++) {
        t[i] = g.page[i];
        hide(&g, i);
    }
    bytes(t[1])[7] = pte_make(g.page[20], RW);
    bytes(t[1])[8] = pte_make(g.page[20], P | PTE_USER | PTE_NX);
    bytes(t[2])[0] = bytes(t[2])[511] = pte_make(t[1], RW);
    bytes(t[3])[3] = pte_make(t[2], RW);
    bytes(t[4])[0] = bytes(t[4])[272] = pte_make(t[3], RW);
    bytes(t[4])[256] = 0x123; /* the hypervisor's slots are not looked at, but overwritten */
    assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t[4].n, 0), 0);
    check();
    for (unsigned i = 1; i <= 4; i++)
        assert_int_equal(type_of(t[i]), i);
    assert_int_equal(uses_of(t[4]), 1);
    assert_int_equal(uses_of(t[3]), 2);
    assert_int_equal(uses_of(t[2]), 1);
    assert_int_equal(uses_of(t[1]), 2);
    assert_int_equal(uses_of(g.page[20]), 2);
    assert_int_equal(refs_of(g.page[20]), 4);
    /* What the guest sees in its entries. */
    assert_int_equal(bytes(t[1])[7], pte_make(g.page[20], RW | PTE_USER | PTE_GUEST_KERNEL));
    assert_int_equal(bytes(t[1])[8], pte_make(g.page[20], P | PTE_USER | PTE_GLOBAL | PTE_NX));
    assert_int_equal(bytes(t[2])[0], pte_make(t[1], RW | PTE_USER));
    assert_int_equal(bytes(t[4])[256], 0); /* the M2P: until kernel mode uses it */
    assert_int_equal(bytes(t[4])[257], paging_l4_template[257]);
    assert_int_equal(bytes(t[4])[260], g.d->arch.paging.area_entry);

    assert_int_equal(ext(MMUEXT_PIN_L2_TABLE, t[2].n, 0), 0);
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, t[4].n, 0), 0);
    check();
    assert_int_equal(uses_of(t[4]), 0);
    assert_int_equal(uses_of(t[3]), 0);
    assert_int_equal(uses_of(t[2]), 1);
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, t[2].n, 0), 0);
    assert_int_equal(uses_of(t[1]), 0);
    assert_int_equal(uses_of(g.page[20]), 1);
    guest_end();
}

static void pins_once(void **state)
{
    struct guest g = guest_make();

    (void)state;
    hide(&g, 1);
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, g.page[1].n, 0), -XEN_EINVAL);
    assert_logged("not pinned");
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, g.page[1].n, 0), 0);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, g.page[1].n, 0), -XEN_EINVAL);
    assert_logged("pinned already");
    assert_int_equal(ext(MMUEXT_PIN_L2_TABLE, g.page[1].n, 0), -XEN_EINVAL);
    assert_logged(
        "wants an L2 page table, but that frame is an L1 page table (1 use, pinned, 2 references)");
    check();
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, g.page[1].n, 0), 0);
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, g.page[1].n, 0), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, 120, 0), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, 120, 0), -XEN_EINVAL);
    assert_logged("free or the hypervisor's");
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, ~0ul, 0), -XEN_EINVAL);
    assert_logged("no memory at that frame");
    guest_end();
}

/* Each is one entry in a table that is fine otherwise; the pin fails and leaves nothing behind. */
static void refuses_entries(void **state)
{
    struct guest g = guest_make();
    struct domain *other = env_new_domain(1, 8);
    mfn_t theirs = frames_alloc_for_domain(other, 0);
    mfn_t self = g.page[1], plain = g.page[2];
    const struct {
        unsigned level;
        uint64_t entry;
        long rc;
        const char *says;
    } bad[] = {
        {1, pte_make(plain, P | PTE_PCD), -XEN_EINVAL, "flags 0x10 are not for guests: PCD"},
        {1, pte_make(plain, P | PTE_PWT), -XEN_EINVAL, "flags 0x8 are not for guests: PWT"},
        {1, pte_make(plain, P | PTE_PSE), -XEN_EINVAL, "flags 0x80 are not for guests: PAT"},
        {1, pte_make(plain, P | PTE_GRANT), -XEN_EINVAL,
         "flags 0x4000000000000000 are not for guests: bit 62"},
        {1, pte_make(self, RW), -XEN_EBUSY,
         "wants a writable page, but that frame is an L1 page table"},
        {1, pte_make(g.page[AT_L3], RW), -XEN_EBUSY, "that frame is an L3 page table (1 use,"},
        {1, pte_make(theirs, P), -XEN_EBUSY,
         "wants a page of the domain, but that frame is another domain's"},
        {1, pte_make(mfn(120), P), -XEN_EBUSY, "free or the hypervisor's"},
        {1, pte_make(mfn(ENV_FRAMES), P), -XEN_EPERM, "no memory at that frame"},
        {1, PTE_FRAME | P, -XEN_EINVAL, "no memory at that frame"},
        {2, pte_make(g.page[AT_L1], P | PTE_PSE), -XEN_EINVAL,
         "flags 0x80 are not for guests: PSE (superpage)"},
        {2, pte_make(g.page[AT_L1], P | PTE_GLOBAL), -XEN_EINVAL,
         "flags 0x100 are not for guests: GLOBAL"},
        {2, pte_make(self, P), -XEN_EINVAL,
         "wants an L1 page table, but that frame is an L2 page table"},
        {2, pte_make(plain, P), -XEN_EINVAL, "but that frame is a writable page (1 use,"},
        {2, pte_make(theirs, P), -XEN_EINVAL, "another domain's"},
        {2, pte_make(mfn(ENV_FRAMES), P), -XEN_EINVAL, "no memory"},
        {3, pte_make(g.page[AT_L1], P), -XEN_EINVAL,
         "wants an L2 page table, but that frame is an L1"},
        {3, pte_make(self, P), -XEN_EINVAL, "wants an L2 page table, but that frame is an L3"},
        {4, pte_make(self, P), -XEN_EINVAL, "names that table itself: expected in slot 255 only"},
        {4, pte_make(g.page[AT_L4], P), -XEN_EINVAL, "wants an L3 page table"},
    };

    (void)state;
    hide(&g, 1);
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        static const unsigned good[] = {0, 20, AT_L1, AT_L2, AT_L3};

        memset(bytes(self), 0, PAGE_SIZE);
        for (unsigned j = 0; j < 5; j++)
            bytes(self)[j * 10] = pte_make(g.page[good[bad[i].level]], P);
        bytes(self)[100] = bad[i].entry;
        env_log_lines = 0;
        assert_int_equal(ext(MMUEXT_PIN_L1_TABLE + bad[i].level - 1, self.n, 0), bad[i].rc);
        assert_int_equal(env_log_lines, 1);
        assert_logged(bad[i].says);
        assert_int_equal(uses_of(self), 0);
        check();
    }
    guest_end();
}

/* Deep inside a tree: everything on the way is undone. */
static void undoes_half_a_tree(void **state)
{
    struct guest g = guest_make();
    mfn_t t[5];

    (void)state;
    for (unsigned i = 1; i <= 4; i++) {
        t[i] = g.page[i];
        hide(&g, i);
    }
    bytes(t[1])[511] = pte_make(g.page[AT_L2], RW);
    bytes(t[2])[5] = pte_make(t[1], RW);
    bytes(t[3])[0] = pte_make(g.page[AT_L2], RW);
    bytes(t[3])[5] = pte_make(t[2], RW);
    bytes(t[4])[0] = pte_make(g.page[AT_L3], RW);
    bytes(t[4])[5] = pte_make(t[3], RW);
    env_log_lines = 0;
    assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, t[4].n, 0), -XEN_EBUSY);
    assert_int_equal(env_log_lines, 1);
    assert_logged("L1[511] of mfn");
    for (unsigned i = 1; i <= 4; i++)
        assert_int_equal(uses_of(t[i]), 0);
    check();
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, t[4].n, 0), -XEN_EBUSY);
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, t[4].n, 0), -XEN_EBUSY);
    guest_end();
}

static void a_table_loses_its_writable_tlb_entries(void **state)
{
    struct guest g = guest_make();

    (void)state;
    env_tlb_fill(0);
    hide(&g, 1);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, g.page[1].n, 0), 0);
    assert_false(env_tlb_wrong());
    /* And back: nobody walks it as a table when it can be written again. */
    assert_int_equal(update(machine(g.page[AT_L2], 9), pte_make(g.page[1], RW)), 0);
    env_tlb_fill(0);
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, g.page[1].n, 0), 0);
    assert_int_equal(update(machine(g.page[AT_L2], 9), 0), 0);
    assert_int_equal(do_update_va_mapping(va_of(1), pte_make(g.page[1], RW), 0), 0);
    assert_false(env_tlb_wrong());
    guest_end();
}

/* The same within one hypercall, with no flush between its parts. */
static void a_batch_changes_types(void **state)
{
    struct guest g = guest_make();
    struct mmu_update req[] = {
        {machine(g.page[AT_L1], pte_index(va_of(1), 1)), 0},
        {machine(g.page[AT_L2], 9), pte_make(g.page[1], RW)},
        {machine(g.page[AT_L2], 9), 0},
        {machine(g.page[AT_L1], pte_index(va_of(1), 1)), pte_make(g.page[1], RW)},
        {machine(g.page[AT_L1], pte_index(va_of(1), 1)), pte_make(g.page[1], P)},
        {machine(g.page[AT_L2], 9), pte_make(g.page[1], RW)},
    };
    uint32_t done = 0;

    (void)state;
    for (unsigned n = 1; n <= ARRAY_LEN(req); n++) {
        env_tlb_fill(0);
        assert_int_equal(do_mmu_update(gp(&req[n - 1]), 1, gp(&done), DOMID_SELF), 0);
        check();
    }
    assert_int_equal(update(req[2].ptr, 0), 0);
    assert_int_equal(update(req[0].ptr, pte_make(g.page[1], RW)), 0);
    env_tlb_fill(0);
    assert_int_equal(do_mmu_update(gp(req), ARRAY_LEN(req), gp(&done), DOMID_SELF), 0);
    assert_int_equal(done, ARRAY_LEN(req));
    guest_end();
}

static void grants_wait_for_the_flush(void **state)
{
    struct guest g = guest_make();

    (void)state;
    hide(&g, 1);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, g.page[1].n, 0), 0);
    assert_int_equal(arch_frame_get(g.page[1], g.d, true), -XEN_EBUSY);
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, g.page[1].n, 0), 0);
    assert_int_equal(arch_frame_get(g.page[1], g.d, true), 0);
    arch_frame_put(g.page[1], true);
    guest_end();
}

static void switches_address_spaces(void **state)
{
    struct guest g = guest_make();
    mfn_t second = g.page[1], first = g.page[AT_L4];

    (void)state;
    hide(&g, 1);
    bytes(second)[0] = pte_make(g.page[AT_L3], RW);
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, second.n, 0), 0);
    check();
    assert_int_equal(g.v->arch.paging.kernel_l4.n, second.n);
    assert_int_equal(uses_of(first), 1); /* its pin */
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, second.n, 0), 0);
    assert_int_equal(uses_of(second), 1);
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, second.n, 0), 0);
    assert_int_equal(uses_of(second), 2);
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, second.n, 0), 0);
    assert_int_equal(uses_of(second), 2);
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, g.page[AT_L3].n, 0), -XEN_EINVAL);
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, 0, 0), -XEN_EINVAL);
    assert_int_equal(g.v->arch.paging.kernel_l4.n, second.n);
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, first.n, 0), 0);
    assert_int_equal(uses_of(second), 1);
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
    assert_int_equal(uses_of(second), 0);
    assert_false(paging_load_tables(g.v, false));
    assert_true(paging_load_tables(g.v, true));
    guest_end();
}

static void shows_the_m2p_as_asked(void **state)
{
    struct guest g = guest_make();
    mfn_t user = g.page[1];
    uint64_t m2p = paging_l4_template[L4_SLOT_M2P];

    (void)state;
    assert_int_not_equal(m2p, 0);
    assert_int_equal(bytes(g.page[AT_L4])[L4_SLOT_M2P], m2p);
    hide(&g, 1);
    /* Not strict: from the first use in kernel mode on. */
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, user.n, 0), 0);
    assert_int_equal(bytes(user)[L4_SLOT_M2P], 0);
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, user.n, 0), 0);
    assert_int_equal(bytes(user)[L4_SLOT_M2P], m2p);
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, g.page[AT_L4].n, 0), 0);
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
    /* Strict: until the first use in user mode. */
    assert_int_equal(do_vm_assist(VMASST_CMD_enable, VMASST_TYPE_m2p_strict), 0);
    assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, user.n, 0), 0);
    assert_int_equal(bytes(user)[L4_SLOT_M2P], m2p);
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, user.n, 0), 0);
    assert_int_equal(bytes(user)[L4_SLOT_M2P], 0);
    check();
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, user.n, 0), 0);
    assert_int_equal(bytes(user)[L4_SLOT_M2P], 0);
    assert_int_equal(do_vm_assist(VMASST_CMD_disable, VMASST_TYPE_m2p_strict), 0);
    assert_int_equal(do_vm_assist(VMASST_CMD_enable, 6), -XEN_EINVAL);
    assert_int_equal(do_vm_assist(VMASST_CMD_enable, 64), -XEN_EINVAL);
    assert_int_equal(do_vm_assist(2, VMASST_TYPE_m2p_strict), -XEN_ENOSYS);
    assert_int_equal(ext(MMUEXT_NEW_BASEPTR, g.page[AT_L4].n, 0), 0);
    guest_end();
}

static void long_work_gives_way(void **state)
{
    struct guest g = guest_make();

    (void)state;
    hide(&g, 1);
    hide(&g, 2);
    for (unsigned i = 0; i < 512; i++)
        bytes(g.page[1])[i] = pte_make(g.page[20], P);
    for (unsigned i = 0; i < 512; i++)
        bytes(g.page[2])[i] = pte_make(g.page[1], P);
    env_rescheds = 0;
    assert_int_equal(ext(MMUEXT_PIN_L2_TABLE, g.page[2].n, 0), 0);
    assert_true(env_rescheds >= 4);
    env_rescheds = 0;
    assert_int_equal(ext(MMUEXT_UNPIN_TABLE, g.page[2].n, 0), 0);
    assert_true(env_rescheds >= 4);
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pins_every_level),
        cmocka_unit_test(pins_once),
        cmocka_unit_test(refuses_entries),
        cmocka_unit_test(undoes_half_a_tree),
        cmocka_unit_test(a_table_loses_its_writable_tlb_entries),
        cmocka_unit_test(a_batch_changes_types),
        cmocka_unit_test(grants_wait_for_the_flush),
        cmocka_unit_test(switches_address_spaces),
        cmocka_unit_test(shows_the_m2p_as_asked),
        cmocka_unit_test(long_work_gives_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
