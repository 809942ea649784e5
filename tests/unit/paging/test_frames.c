#include <string.h>

#include "guest.h"

static void allocates_and_merges(void **state)
{
    uint64_t before;
    mfn_t m[ALLOC_ORDER_MAX];

    (void)state;
    env_init();
    before = frames_free_count();
    for (unsigned order = 0; order < 10; order++) {
        m[order] = frames_alloc(order);
        assert_true(frame_exists(m[order]));
        assert_int_equal(m[order].n % (1ul << order), 0);
    }
    assert_int_equal(frames_free_count(), before - 1023);
    for (unsigned order = 0; order < 10; order++)
        frames_free(m[order], order);
    assert_int_equal(frames_free_count(), before);
    /* Two largest blocks exist again: everything merged. */
    m[0] = frames_alloc(11);
    assert_true(frame_exists(m[0]));
    frames_free(m[0], 11);
    assert_false(frame_exists(frames_alloc(12)));
    assert_false(frame_exists(frames_alloc(ALLOC_ORDER_MAX + 1)));
}

static void no_frame_twice(void **state)
{
    static uint8_t given[ENV_FRAMES];
    static mfn_t all[ENV_FRAMES];
    unsigned n = 0;

    (void)state;
    env_init();
    for (mfn_t m; frame_exists(m = frames_alloc(0)); n++) {
        assert_true(m.n > 0 && !(m.n >= 100 && m.n < 160));
        assert_false(given[m.n]);
        given[m.n] = 1;
        all[n] = m;
    }
    assert_int_equal(frames_free_count(), 0);
    assert_null(arch_alloc_pages(0));
    while (n)
        frames_free(all[--n], 0);
    assert_int_equal(env_audit(), 0);
}

static void pages_come_zeroed(void **state)
{
    uint64_t *p;

    (void)state;
    env_init();
    p = arch_alloc_pages(1);
    memset(p, 0xaa, 2 * PAGE_SIZE);
    arch_free_pages(p, 1);
    p = arch_alloc_pages(1);
    for (unsigned i = 0; i < 2 * PAGE_SIZE / 8; i++)
        assert_int_equal(p[i], 0);
    arch_free_pages(p, 1);
    arch_free_pages(NULL, 0);
}

static void domain_pages_are_counted(void **state)
{
    struct guest g = guest_make();
    mfn_t m = frames_alloc_for_domain(g.d, 4);

    (void)state;
    assert_true(frame_exists(m));
    assert_int_equal(g.d->pages, GUEST_PAGES + 16);
    assert_false(frame_exists(frames_alloc_for_domain(g.d, 0)));
    assert_int_equal(g.d->pages, GUEST_PAGES + 16);
    check();
    assert_int_equal(m2p_get(m), M2P_INVALID);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(arch_depopulate(g.d, mfn(m.n + i)), 0);
    assert_int_equal(arch_depopulate(g.d, m), -XEN_EINVAL);
    assert_int_equal(g.d->pages, GUEST_PAGES);
    guest_end();
}

static void references_keep_a_frame(void **state)
{
    struct guest g = guest_make();
    mfn_t m = g.page[1];

    (void)state;
    hide(&g, 1);
    assert_int_equal(arch_frame_get(m, g.d, false), 0);
    assert_int_equal(arch_depopulate(g.d, m), 0);
    assert_int_equal(arch_depopulate(g.d, m), -XEN_EINVAL); /* it is given up already */
    assert_int_equal(g.d->pages, GUEST_PAGES);
    arch_frame_put(m, false);
    assert_int_equal(g.d->pages, GUEST_PAGES - 1);
    assert_int_equal(arch_frame_get(m, g.d, false), -XEN_EINVAL);
    guest_end();
}

static void no_reference_to_what_is_not_its(void **state)
{
    struct guest g = guest_make();
    struct domain *other = env_new_domain(1, 4);
    mfn_t theirs = frames_alloc_for_domain(other, 0);

    (void)state;
    assert_int_equal(arch_frame_get(theirs, g.d, false), -XEN_EINVAL);
    assert_int_equal(arch_frame_get(mfn(0), g.d, false), -XEN_EINVAL);
    assert_int_equal(arch_frame_get(mfn(120), g.d, false), -XEN_EINVAL); /* the hole */
    assert_int_equal(arch_frame_get(mfn(ENV_FRAMES), g.d, false), -XEN_EINVAL);
    assert_int_equal(arch_frame_get(INVALID_MFN, g.d, false), -XEN_EINVAL);
    assert_int_equal(arch_frame_get(bytes_frame(g.d), g.d, false), -XEN_EINVAL);
    assert_int_equal(arch_frame_get(g.page[AT_L1], g.d, true), -XEN_EBUSY);
    assert_int_equal(arch_frame_get(g.page[AT_L1], g.d, false), 0);
    arch_frame_put(g.page[AT_L1], false);
    guest_end();
}

static void counts_do_not_wrap(void **state)
{
    struct guest g = guest_make();
    struct frame *f = frame_at(g.page[0]);
    uint64_t type = f->type;

    (void)state;
    f->refs = ~0u;
    assert_int_equal(arch_frame_get(g.page[0], g.d, false), -XEN_EINVAL);
    assert_int_equal(f->refs, ~0u);
    f->refs = 2;
    f->type |= TYPE_USES;
    assert_int_equal(arch_frame_get(g.page[0], g.d, true), -XEN_EBUSY);
    assert_int_equal(f->type & TYPE_USES, TYPE_USES);
    f->type = type;
    f = frame_at(g.page[AT_L1]);
    type = f->type;
    f->type |= TYPE_USES;
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, g.page[AT_L1].n, 0), -XEN_EINVAL);
    f->type = type;
    guest_end();
}

static void freed_frames_leave_tlbs_first(void **state)
{
    struct guest g = guest_make();
    mfn_t m = g.page[2];
    static mfn_t all[ENV_FRAMES];
    unsigned n = 0;

    (void)state;
    env_tlb_fill(0);
    hide(&g, 2);
    assert_int_equal(arch_depopulate(g.d, m), 0);
    env_flushes = 0;
    while (frame_exists(all[n] = frames_alloc(0)) && all[n].n != m.n)
        n++;
    assert_int_equal(all[n].n, m.n);
    assert_true(env_flushes > 0);
    do
        frames_free(all[n], 0);
    while (n--);
    guest_end();
}

static void dying_domains_get_nothing(void **state)
{
    struct guest g = guest_make();

    (void)state;
    g.d->dying = true;
    assert_false(frame_exists(frames_alloc_for_domain(g.d, 0)));
    g.d->dying = false;
    guest_end();
}

static void the_auditor_sees_corruption(void **state)
{
    struct guest g = guest_make();
    struct frame *f = frame_at(g.page[3]);
    uint64_t *l1 = &bytes(g.page[AT_L1])[pte_index(va_of(3), 1)], *l2 = bytes(g.page[AT_L2]);
    uint64_t old = *l1;

    (void)state;
#define CORRUPT(what, undo)               \
    do {                                  \
        what;                             \
        assert_true(env_audit() > 0);     \
        undo;                             \
        assert_int_equal(env_audit(), 0); \
    } while (0)
    CORRUPT(f->refs++, f->refs--);
    CORRUPT(f->type += TYPE_USE, f->type -= TYPE_USE);
    CORRUPT(f->type ^= TYPE_MAKE(1), f->type ^= TYPE_MAKE(1));
    CORRUPT(f->owner++, f->owner--);
    CORRUPT(*l1 = 0, *l1 = old);
    CORRUPT(*l1 &= ~PTE_USER, *l1 = old);
    CORRUPT(*l1 |= PTE_PCD, *l1 = old);
    CORRUPT(*l1 = pte_make(g.page[AT_L2], RW | PTE_USER | PTE_GUEST_KERNEL), *l1 = old);
    CORRUPT(*l1 = pte_make(mfn(ENV_FRAMES), RW | PTE_USER | PTE_GUEST_KERNEL), *l1 = old);
    CORRUPT(*l1 = pte_make(mfn(120), P | PTE_USER | PTE_GUEST_KERNEL), *l1 = old);
    CORRUPT(l2[9] = pte_make(g.page[3], P | PTE_USER), l2[9] = 0);
    CORRUPT(bytes(g.page[AT_L4])[L4_SLOT_DIRECT]++, bytes(g.page[AT_L4])[L4_SLOT_DIRECT]--);
    CORRUPT(g.d->pages++, g.d->pages--);
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocates_and_merges),
        cmocka_unit_test(no_frame_twice),
        cmocka_unit_test(pages_come_zeroed),
        cmocka_unit_test(domain_pages_are_counted),
        cmocka_unit_test(references_keep_a_frame),
        cmocka_unit_test(no_reference_to_what_is_not_its),
        cmocka_unit_test(counts_do_not_wrap),
        cmocka_unit_test(freed_frames_leave_tlbs_first),
        cmocka_unit_test(dying_domains_get_nothing),
        cmocka_unit_test(the_auditor_sees_corruption),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
