/* Grants: the table itself, and the end of domains. */
#include "helpers.h"

#include <limits.h>

struct domain *granter, *user;
uint64_t pte[PTES];
static bool writable[PTES];
void (*race_in_unmap)(void);
unsigned flushes;

static unsigned pte_index(uint64_t host_addr)
{
    uint64_t i = (host_addr >> PAGE_SHIFT) - 1;

    return i < PTES && host_addr % PAGE_SIZE == 0 ? (unsigned)i : PTES;
}

int arch_grant_map(uint64_t host_addr, mfn_t frame, uint32_t gntmap_flags)
{
    unsigned i = pte_index(host_addr);

    if (i == PTES)
        return GNTST_bad_virt_addr;
    assert_true(fake_frame[frame.n].refs > 0);
    fake_frame[frame.n].refs++;
    fake_frame[frame.n].writable_refs += !(gntmap_flags & GNTMAP_readonly);
    pte[i] = frame.n;
    writable[i] = !(gntmap_flags & GNTMAP_readonly);
    return GNTST_okay;
}

int arch_grant_unmap(uint64_t host_addr, mfn_t frame, uint32_t gntmap_flags)
{
    unsigned i = pte_index(host_addr);

    if (race_in_unmap) {
        void (*race)(void) = race_in_unmap;

        race_in_unmap = NULL;
        race();
    }
    if (i == PTES || pte[i] != frame.n)
        return GNTST_general_error;
    arch_frame_put(frame, !(gntmap_flags & GNTMAP_readonly));
    pte[i] = 0;
    fake_frame[frame.n].in_tlb = true;
    return GNTST_okay;
}

void arch_grant_flush(void)
{
    flushes++;
    for (unsigned i = 0; i < FAKE_FRAMES; i++)
        fake_frame[i].in_tlb = false;
}

int begin(void **state)
{
    (void)state;
    fake_cpu_init();
    granter = fake_new_domain(1);
    user = fake_new_domain(2);
    assert_int_equal(grant_init(granter), 0);
    assert_int_equal(grant_init(user), 0);
    fake_become(user->vcpu[0]);
    return 0;
}

void end_of(struct domain *d)
{
    d->dying = true;
    grant_release_mappings(d);
    grant_destroy(d);
}

void end_struct(struct domain **d)
{
    if (!*d)
        return;
    grant_free(*d);
    fake_free_domain(*d);
    *d = NULL;
}

int end(void **state)
{
    (void)state;
    fake_race = NULL;
    fake_become(fake_idle());
    for (unsigned i = 0; i < PTES; i++) {
        if (pte[i])
            arch_frame_put(mfn(pte[i]), writable[i]);
        pte[i] = 0;
    }
    if (user)
        end_of(user);
    if (granter)
        end_of(granter);
    end_struct(&user);
    end_struct(&granter);
    fake_cpu_end();
    fake_memory_end();
    return 0;
}

struct grant_entry_v1 *entry(struct domain *d, uint32_t ref)
{
    return (struct grant_entry_v1 *)d->grant.shared[ref / GRANT_REFS_PER_FRAME] +
           ref % GRANT_REFS_PER_FRAME;
}

void grant(struct domain *d, uint32_t ref, uint16_t flags, uint16_t to, uint64_t frame)
{
    *entry(d, ref) = (struct grant_entry_v1){.flags = flags, .domid = to, .frame = (uint32_t)frame};
}

unsigned marks(uint32_t ref)
{
    return entry(granter, ref)->flags & (GTF_reading | GTF_writing);
}

long map(uint16_t dom, uint32_t ref, uint32_t flags, uint64_t host_addr, uint32_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = host_addr, .flags = flags, .ref = ref, .dom = dom};
    long rc = do_grant_table_op(GNTTABOP_map_grant_ref, fake_ptr(&op), 1);

    *handle = op.handle;
    return rc ? rc - 1000 : op.status;
}

long unmap(uint32_t handle, uint64_t host_addr, uint64_t dev_bus_addr)
{
    struct gnttab_unmap_grant_ref op = {
        .host_addr = host_addr, .dev_bus_addr = dev_bus_addr, .handle = handle};
    long rc = do_grant_table_op(GNTTABOP_unmap_grant_ref, fake_ptr(&op), 1);

    return rc ? rc - 1000 : op.status;
}

static long setup(uint16_t dom, uint32_t nr, uint64_t *list)
{
    struct gnttab_setup_table op = {.dom = dom, .nr_frames = nr, .frame_list = fake_ptr(list)};
    long rc = do_grant_table_op(GNTTABOP_setup_table, fake_ptr(&op), 1);

    return rc ? rc - 1000 : op.status;
}

static void setup_grows_and_lists(void **state)
{
    uint64_t list[4] = {0};
    uint32_t h;

    (void)state;
    fake_become(granter->vcpu[0]);
    assert_int_equal(setup(DOMID_SELF, 1, list), GNTST_okay);
    assert_int_equal(list[0], arch_page_mfn(granter->grant.shared[0]).n);
    assert_int_equal(list[1], 0);
    assert_int_equal(setup(granter->id, 3, list), GNTST_okay);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(list[i], arch_page_mfn(granter->grant.shared[i]).n);
    assert_int_equal(setup(DOMID_SELF, 2, list), GNTST_okay);
    assert_int_equal(granter->grant.nr_frames, 3);
    assert_int_equal(setup(DOMID_SELF, 0, NULL), GNTST_okay);

    /* References of the new frames work. */
    grant(granter, 1535, GTF_permit_access, user->id, fake_new_frame(granter));
    fake_become(user->vcpu[0]);
    assert_int_equal(map(granter->id, 1535, GNTMAP_host_map, PTE(0), &h), GNTST_okay);
    assert_int_equal(map(granter->id, 1536, GNTMAP_host_map, PTE(1), &h), GNTST_bad_gntref);
    assert_int_equal(unmap(0, PTE(0), 0), GNTST_okay);
}

static void setup_errors(void **state)
{
    uint64_t list[4] = {0};
    struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = 1};

    (void)state;
    assert_int_equal(setup(7, 1, list), GNTST_bad_domain);
    assert_int_equal(setup(granter->id, 1, list), GNTST_permission_denied);
    assert_int_equal(setup(DOMID_SELF, GRANT_FRAMES_MAX + 1, list), GNTST_general_error);
    assert_int_equal(setup(DOMID_SELF, UINT32_MAX, list), GNTST_general_error);
    user->grant.max_frames = 2;
    user->grant.max_maptrack = 1;
    assert_int_equal(setup(DOMID_SELF, 3, list), GNTST_general_error);
    assert_int_equal(user->grant.nr_frames, 1);
    assert_int_equal(setup(DOMID_SELF, 1, NULL), GNTST_bad_virt_addr);
    fake_pages_left = 2; /* not enough for the shared page */
    assert_int_equal(setup(DOMID_SELF, 2, list), GNTST_general_error);
    fake_pages_left = UINT_MAX;
    assert_int_equal(user->grant.nr_frames, 1);
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, fake_ptr(&op), 2), -XEN_EINVAL);
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, fake_ptr(&op), 0), -XEN_EINVAL);
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, guest_ptr(8), 1), -XEN_EFAULT);
}

static void setup_as_many_as_there_can_be(void **state)
{
    const uint32_t last = GRANT_FRAMES_MAX * GRANT_REFS_PER_FRAME - 1;
    uint64_t list[GRANT_FRAMES_MAX + 1] = {0};
    uint32_t h;

    (void)state;
    fake_become(granter->vcpu[0]);
    assert_int_equal(setup(DOMID_SELF, GRANT_FRAMES_MAX + 1, list), GNTST_general_error);
    assert_int_equal(granter->grant.nr_frames, 1);
    assert_int_equal(setup(DOMID_SELF, GRANT_FRAMES_MAX, list), GNTST_okay);
    assert_int_equal(list[GRANT_FRAMES_MAX - 1],
                     arch_page_mfn(granter->grant.shared[GRANT_FRAMES_MAX - 1]).n);
    assert_int_equal(setup(DOMID_SELF, GRANT_FRAMES_MAX + 1, list), GNTST_general_error);
    assert_int_equal(list[GRANT_FRAMES_MAX], 0);
    grant(granter, last, GTF_permit_access, user->id, fake_new_frame(granter));
    fake_become(user->vcpu[0]);
    assert_int_equal(map(granter->id, last, GNTMAP_host_map, PTE(0), &h), GNTST_okay);
    assert_int_equal(map(granter->id, last + 1, GNTMAP_host_map, PTE(1), &h), GNTST_bad_gntref);
    assert_int_equal(unmap(0, PTE(0), 0), GNTST_okay);
}

static void query_size(void **state)
{
    struct gnttab_query_size op = {.dom = DOMID_SELF};
    uint64_t list[2];

    (void)state;
    user->grant.max_frames = 5;
    user->grant.max_maptrack = 1;
    assert_int_equal(setup(DOMID_SELF, 2, list), GNTST_okay);
    assert_int_equal(do_grant_table_op(GNTTABOP_query_size, fake_ptr(&op), 1), 0);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(op.nr_frames, 2);
    assert_int_equal(op.max_nr_frames, 5);
    op.dom = granter->id;
    assert_int_equal(do_grant_table_op(GNTTABOP_query_size, fake_ptr(&op), 1), 0);
    assert_int_equal(op.status, GNTST_permission_denied);
    op.dom = 7;
    assert_int_equal(do_grant_table_op(GNTTABOP_query_size, fake_ptr(&op), 1), 0);
    assert_int_equal(op.status, GNTST_bad_domain);
    assert_int_equal(do_grant_table_op(GNTTABOP_query_size, fake_ptr(&op), 2), -XEN_EINVAL);
    assert_int_equal(do_grant_table_op(GNTTABOP_query_size, guest_ptr(8), 1), -XEN_EFAULT);
}

static void call_errors(void **state)
{
    struct gnttab_map_grant_ref op = {.dom = 7};
    struct gnttab_unmap_grant_ref undo = {.handle = 7};

    (void)state;
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, fake_ptr(&op), 1u << 31),
                     -XEN_EINVAL);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, guest_ptr(8), INT32_MAX),
                     -XEN_EFAULT);
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, guest_ptr(8), 1), -XEN_EFAULT);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, guest_ptr(8), 0), 0);
    fake_make_readonly(&op, sizeof(op));
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, fake_ptr(&op), 1), -XEN_EFAULT);
    fake_make_readonly(&undo, sizeof(undo));
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, fake_ptr(&undo), 1), -XEN_EFAULT);
    assert_int_equal(do_grant_table_op(GNTTABOP_transfer, fake_ptr(&op), 1), -XEN_ENOSYS);
    assert_int_equal(do_grant_table_op(99, fake_ptr(&op), 1), -XEN_ENOSYS);
    fake_set_subops(false);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, fake_ptr(&op), 0), -XEN_ENOSYS);
}

static void half_built_domain(void **state)
{
    (void)state;
    for (unsigned left = 0; left < 3; left++) {
        struct domain *d = fake_new_domain(1);

        fake_pages_left = left;
        assert_int_equal(grant_init(d), -XEN_ENOMEM);
        fake_pages_left = UINT_MAX;
        end_of(d);
        end_struct(&d);
    }
    /* Even one of which nothing was made. */
    struct domain *d = fake_new_domain(1);

    end_of(d);
    end_struct(&d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(setup_grows_and_lists),
        TEST(setup_errors),
        TEST(setup_as_many_as_there_can_be),
        TEST(query_size),
        TEST(call_errors),
        TEST(half_built_domain),
        TEST(map_and_unmap),
        TEST(map_errors),
        TEST(pins_are_counted),
        TEST(granter_cannot_swap_the_frame),
        TEST(granter_changes_the_entry_while_it_is_checked),
        TEST(device_and_host_halves),
        TEST(unmap_errors),
        TEST(handles_run_out),
        TEST(as_many_handles_as_there_can_be),
        TEST(pins_run_out),
        TEST(handle_undone_twice_at_once),
        TEST(granter_ends_first),
        TEST(user_ends_with_mappings),
        TEST(many_in_one_call),
        TEST(shutdown_ends_a_long_call),
        TEST(own_grant),
        TEST(copy_between_grants),
        TEST(copy_own_frames),
        TEST(copy_bounds),
        TEST(copy_errors),
        TEST(copy_within_a_page),
        TEST(copy_from_an_ended_domain),
        TEST(copy_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
