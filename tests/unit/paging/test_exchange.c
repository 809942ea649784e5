/* XENMEM_exchange and XENMEM_increase_reservation. */
#include <string.h>

#include "guest.h"

static uint64_t in[512], out[512];

static long exchange(uint64_t nr_in, unsigned in_order, uint64_t nr_out, unsigned out_order,
                     uint64_t *done)
{
    struct xen_memory_exchange e = {
        .in = {gp(in), nr_in, in_order, 0, DOMID_SELF},
        .out = {gp(out), nr_out, out_order, 0, DOMID_SELF},
    };
    long rc = do_memory_op(XENMEM_exchange, gp(&e));

    *done = e.nr_exchanged;
    check();
    return rc;
}

/* The guest maps none of its pages from 0 to n - 1; out asks for pfns from 1000 on. */
static struct guest prepare(unsigned n)
{
    struct guest g = guest_make();

    for (unsigned i = 0; i < n; i++) {
        hide(&g, i);
        in[i] = g.page[i].n;
        out[i] = 1000 + 10 * i;
    }
    return g;
}

static void gives_others(void **state)
{
    struct guest g = prepare(3);
    uint64_t done, free = frames_free_count();

    (void)state;
    bytes(g.page[0])[3] = 99;
    assert_int_equal(exchange(3, 0, 3, 0, &done), 0);
    assert_int_equal(done, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(m2p_get(mfn(out[i])), 1000 + 10 * i);
        assert_ptr_equal(frame_owner(frame_at(mfn(out[i]))), g.d);
        assert_int_equal(bytes(mfn(out[i]))[3], 0);
    }
    assert_int_equal(refs_of(g.page[2]), 0); /* the last that went */
    assert_int_equal(m2p_get(g.page[2]), M2P_INVALID);
    assert_int_equal(frames_free_count(), free);
    assert_int_equal(g.d->pages, GUEST_PAGES);
    guest_end();
}

static void gives_contiguous_ones(void **state)
{
    struct guest g = prepare(16);
    uint64_t done;

    (void)state;
    assert_int_equal(exchange(16, 0, 2, 3, &done), 0);
    assert_int_equal(done, 16);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(out[i] % 8, 0);
        assert_int_equal(m2p_get(mfn(out[i] + 7)), 1007 + 10 * i);
    }
    memcpy(in, out, sizeof(in));
    assert_int_equal(exchange(2, 3, 16, 0, &done), 0);
    assert_int_equal(done, 2);
    assert_int_equal(g.d->pages, GUEST_PAGES);
    guest_end();
}

/* A chunk that is refused has changed nothing, those before it are done. */
static void all_of_a_chunk_or_none(void **state)
{
    struct guest g = prepare(6);
    uint64_t done, free = frames_free_count();

    (void)state;
    in[5] = g.page[7].n; /* mapped */
    assert_int_equal(exchange(6, 0, 3, 1, &done), -XEN_EINVAL);
    assert_int_equal(done, 4);
    assert_int_equal(refs_of(g.page[3]), 0);
    assert_int_equal(refs_of(g.page[4]), 1);
    assert_true(frame_at(g.page[4])->state & FRAME_ALLOCATED);
    assert_logged("exchange of mfn");
    assert_int_equal(frames_free_count(), free);
    guest_end();
}

static mfn_t granted;

static void hold_granted(struct audit *a)
{
    arch_audit_note(a, granted, 1, 0);
}

static void refuses_what_is_used(void **state)
{
    struct guest g = prepare(4);
    struct domain *other = env_new_domain(1, 4);
    uint64_t done, bad[] = {g.page[9].n, g.page[AT_L1].n, 0, ~0ul, ENV_FRAMES, 0, 0};

    (void)state;
    bad[5] = frames_alloc_for_domain(other, 0).n;
    bad[6] = in[0];
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        in[0] = g.page[0].n;
        in[1] = bad[i];
        assert_int_equal(exchange(2, 0, 1, 1, &done), -XEN_EINVAL);
        assert_int_equal(done, 0);
        assert_int_equal(refs_of(g.page[0]), 1);
    }
    /* Pinned, given up while it is mapped, held by a grant. */
    in[0] = g.page[1].n;
    assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, in[0], 0), 0);
    assert_int_equal(exchange(1, 0, 1, 0, &done), -XEN_EINVAL);
    assert_int_equal(arch_depopulate(g.d, g.page[9]), 0);
    in[0] = g.page[9].n;
    assert_int_equal(refs_of(g.page[9]), 1);
    assert_int_equal(exchange(1, 0, 1, 0, &done), -XEN_EINVAL);
    in[0] = g.page[2].n;
    assert_int_equal(arch_frame_get(g.page[2], g.d, false), 0);
    granted = g.page[2];
    env_held = hold_granted;
    assert_int_equal(exchange(1, 0, 1, 0, &done), -XEN_EINVAL);
    arch_frame_put(g.page[2], false);
    env_held = NULL;
    assert_int_equal(exchange(1, 0, 1, 0, &done), 0);
    guest_end();
}

static void refuses_bad_requests(void **state)
{
    struct guest g = prepare(2);
    struct xen_memory_domain nobody = {DOMID_SELF};
    struct domain *other = env_new_domain(1, 4);
    uint64_t done;
    struct xen_memory_exchange e = {.in = {gp(in), 1, 0, 0, other->id},
                                    .out = {gp(out), 1, 0, 0, other->id}};

    (void)state;
    /* One that could not be built has no shared_info yet. */
    assert_null(g.d->shared);
    assert_int_equal(do_memory_op(XENMEM_maximum_gpfn, gp(&nobody)), -XEN_ESRCH);
    assert_int_equal(do_memory_op(XENMEM_exchange, guest_ptr(8)), -XEN_EFAULT);
    assert_int_equal(exchange(1, 0, 2, 0, &done), -XEN_EINVAL);
    assert_int_equal(exchange(1, 10, 1, 10, &done), -XEN_EPERM);
    assert_int_equal(exchange(0, 64, 0, 0, &done), -XEN_EPERM);
    assert_int_equal(exchange(1ul << 60, 9, 1ul << 60, 9, &done), -XEN_EINVAL);
    assert_int_equal(exchange(0, 0, 0, 9, &done), 0);
    g.d->privileges = PRIV_CONTROL;
    assert_int_equal(do_memory_op(XENMEM_exchange, gp(&e)), -XEN_EPERM);
    e.in.domid = e.out.domid = 99;
    assert_int_equal(do_memory_op(XENMEM_exchange, gp(&e)), -XEN_ESRCH);
    e.in.domid = DOMID_SELF;
    assert_int_equal(do_memory_op(XENMEM_exchange, gp(&e)), -XEN_EINVAL);
    e.out.domid = DOMID_SELF;
    e.nr_exchanged = 2;
    assert_int_equal(do_memory_op(XENMEM_exchange, gp(&e)), -XEN_EINVAL);
    e.nr_exchanged = 0;
    e.in.extent_start = guest_ptr(8);
    assert_int_equal(do_memory_op(XENMEM_exchange, gp(&e)), -XEN_EFAULT);
    e.in.extent_start = gp(in);
    e.out.extent_start = guest_ptr(8);
    assert_int_equal(do_memory_op(XENMEM_exchange, gp(&e)), -XEN_EFAULT);
    assert_int_equal(refs_of(g.page[0]), 1);
    e.out.extent_start = gp(out);
    e.out.mem_flags = XENMEMF_address_bits(13);
    assert_int_equal(do_memory_op(XENMEM_exchange, gp(&e)), -XEN_ENOMEM);
    assert_int_equal(refs_of(g.page[0]), 1);
    check();
    guest_end();
}

static void needs_memory(void **state)
{
    struct guest g = prepare(4);
    static void *all[ENV_FRAMES];
    unsigned n = 0;
    uint64_t done;

    (void)state;
    while ((all[n] = arch_alloc_pages(0)))
        n++;
    assert_int_equal(exchange(1, 0, 1, 0, &done), -XEN_ENOMEM); /* for its lists */
    arch_free_pages(all[--n], 0);
    arch_free_pages(all[--n], 0);
    arch_free_pages(all[--n], 0);
    arch_free_pages(all[--n], 0);
    assert_int_equal(exchange(4, 0, 1, 2, &done), -XEN_ENOMEM); /* for the extent */
    assert_int_equal(refs_of(g.page[0]), 1);
    while (n > 0)
        arch_free_pages(all[--n], 0);
    guest_end();
}

static struct guest racing;
static bool raced;

/* Another vCPU gives the page up, at the moment between two steps. */
static void give_up_now(void)
{
    if (!raced)
        arch_depopulate(racing.d, racing.page[0]);
    raced = true;
}

static void another_vcpu_gives_it_up(void **state)
{
    uint64_t done;

    (void)state;
    racing = prepare(64 - 4);
    raced = false;
    env_resched = give_up_now;
    /* The first page goes while the others are being taken. */
    assert_int_equal(exchange(16, 0, 1, 4, &done), -XEN_EINVAL);
    env_resched = NULL;
    assert_true(raced);
    assert_int_equal(refs_of(racing.page[0]), 0);
    assert_int_equal(refs_of(racing.page[1]), 1);
    check();
    guest_end();
}

static void increases_silently(void **state)
{
    struct guest g = guest_make();
    uint64_t list[17] = {0};
    struct xen_memory_reservation r = {gp(list), 2, 0, 0, DOMID_SELF};

    (void)state;
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, gp(&r)), 2);
    assert_int_equal(m2p_get(mfn(list[1])), M2P_INVALID);
    r.extent_start = guest_ptr(0);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, gp(&r)), 2);
    r.extent_start = guest_ptr(8);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, gp(&r)), 0);
    assert_int_equal(g.d->pages, GUEST_PAGES + 5); /* the last is its all the same */
    r.extent_start = gp(list);
    r.nr_extents = 99;
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, gp(&r)), 11);
    check();
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_others),
        cmocka_unit_test(gives_contiguous_ones),
        cmocka_unit_test(all_of_a_chunk_or_none),
        cmocka_unit_test(refuses_what_is_used),
        cmocka_unit_test(refuses_bad_requests),
        cmocka_unit_test(needs_memory),
        cmocka_unit_test(another_vcpu_gives_it_up),
        cmocka_unit_test(increases_silently),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
