#include "guest.h"

static void ends_with_everything_in_use(void **state)
{
    struct guest g = guest_make();
    uint64_t at;

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        hide(&g, i);
    assert_int_equal(do_set_gdt(gp(&g.page[0]), 8), 0);
    assert_int_equal(paging_set_gdt(g.d->vcpu[1], &g.page[0].n, 8), 0);
    assert_int_equal(ext(MMUEXT_PIN_L2_TABLE, g.page[AT_L2].n, 0), 0);
    assert_int_equal(ext(MMUEXT_PIN_L3_TABLE, g.page[1].n, 0), 0);
    assert_int_equal(ext(MMUEXT_NEW_USER_BASEPTR, g.page[2].n, 0), 0);
    assert_int_equal(paging_set_l4(g.d->vcpu[1], true, g.page[AT_L4]), 0);
    assert_int_equal(do_update_va_mapping(va_of(3), pte_make(g.page[4], P), 0), 0);
    hide(&g, 4);
    assert_int_equal(ext(MMUEXT_SET_LDT, va_of(3), 1), 0);
    assert_true(paging_ldt_fault(0, &at));
    for (unsigned i = 0; i < 10; i++)
        arch_depopulate(g.d, g.page[i + 3]);
    check();
    env_destroy(g.d);
    guest_end();
}

static mfn_t held;

static void tell_held(struct audit *a)
{
    arch_audit_note(a, held, 1, 1);
}

/* Another domain maps a frame: frame and struct wait for it. */
static void frames_outlive_their_domain(void **state)
{
    struct guest g = guest_make();
    struct domain *other = env_new_domain(1, 8);
    mfn_t theirs = frames_alloc_for_domain(other, 0);

    (void)state;
    g.d->privileges = PRIV_FOREIGN_MAP;
    assert_int_equal(do_update_va_mapping_otherdomain(va_of(0), pte_make(theirs, RW), 0, other->id),
                     0);
    held = theirs;
    env_held = tell_held;
    assert_int_equal(arch_frame_get(theirs, other, true), 0);
    env_destroy(other);
    assert_int_equal(env_reap(), 1);
    check();
    hide(&g, 0);
    assert_int_equal(env_reap(), 1);
    env_held = NULL;
    arch_frame_put(theirs, true);
    assert_int_equal(env_reap(), 0);
    guest_end();
}

static void shared_pages(void **state)
{
    struct guest g = guest_make();
    void *page = arch_share_page(g.d, true), *fixed = arch_share_page(g.d, false);
    mfn_t m = arch_page_mfn(page);

    (void)state;
    assert_int_equal(g.d->pages, GUEST_PAGES);
    assert_int_equal(do_update_va_mapping(va_of(0), pte_make(m, RW), 0), 0);
    assert_int_equal(do_update_va_mapping(va_of(1), pte_make(arch_page_mfn(fixed), RW), 0),
                     -XEN_EBUSY);
    assert_int_equal(do_update_va_mapping(va_of(1), pte_make(arch_page_mfn(fixed), P), 0), 0);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, m.n, 0), -XEN_EINVAL);
    assert_int_equal(arch_depopulate(g.d, m), -XEN_EINVAL);
    check();
    /* Lent no more, but still mapped. */
    arch_unshare_page(g.d, page);
    arch_unshare_page(g.d, fixed);
    check();
    assert_int_equal(arch_frame_get(m, g.d, false), -XEN_EINVAL);
    hide(&g, 0);
    check();
    env_idle();
    env_destroy(g.d);
    g.d = NULL;
    guest_end();
}

static void a_failed_build_is_undone(void **state)
{
    struct guest g = guest_make();
    struct domain *d = env_new_domain(1, 8);
    mfn_t l4 = frames_alloc_for_domain(d, 0), page = frames_alloc_for_domain(d, 0);

    (void)state;
    bytes(l4)[0] = pte_make(page, RW);
    bytes(page)[0] = pte_make(g.page[0], RW);
    assert_int_equal(paging_install_l4(d->vcpu[0], l4), -XEN_EINVAL);
    check();
    env_destroy(d);
    guest_end();
}

/* Without memory for it, at any point. */
static void no_memory_for_a_domain(void **state)
{
    static mfn_t all[ENV_FRAMES];
    struct guest g = guest_make();
    unsigned n = 0;

    (void)state;
    while (frame_exists(all[n] = frames_alloc(0)))
        n++;
    for (unsigned left = 0; left < 8; left++) {
        struct domain *d;

        for (unsigned i = 0; i < left; i++)
            frames_free(all[--n], 0);
        d = env_new_domain(2, 8);
        if (d)
            env_destroy(d);
        while (frame_exists(all[n] = frames_alloc(0)))
            n++;
        assert_false(frame_exists(frames_alloc_for_domain(g.d, 0)));
    }
    while (n)
        frames_free(all[--n], 0);
    guest_end();
}

static void tells_cpus_apart(void **state)
{
    struct guest g = guest_make();

    (void)state;
    assert_int_equal(g.d->arch.paging.tlb_cpus, 1);
    assert_int_equal(paging_set_l4(g.d->vcpu[1], true, g.page[AT_L4]), 0);
    env_cpu = 1;
    env_run(g.d->vcpu[1]);
    assert_int_equal(g.d->arch.paging.tlb_cpus, 3);
    env_tlb_fill(0);
    env_tlb_fill(1);
    hide(&g, 0);
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, g.page[0].n, 0), 0);
    check();
    env_idle();
    assert_int_equal(g.d->arch.paging.tlb_cpus, 1);
    env_cpu = 0;
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_with_everything_in_use),
        cmocka_unit_test(frames_outlive_their_domain),
        cmocka_unit_test(shared_pages),
        cmocka_unit_test(a_failed_build_is_undone),
        cmocka_unit_test(no_memory_for_a_domain),
        cmocka_unit_test(tells_cpus_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
