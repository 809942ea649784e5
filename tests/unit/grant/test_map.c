/* Grants: map and unmap. */
#include "core/grant_internal.h"
#include "helpers.h"
#define HOST   GNTMAP_host_map
#define RO     (GNTMAP_host_map | GNTMAP_readonly)
#define DEVICE GNTMAP_device_map

static void expect_unused(uint64_t frame)
{
    assert_int_equal(fake_frame[frame].refs, 0);
    assert_int_equal(fake_frame[frame].writable_refs, 0);
    assert_int_equal(granter->refs, 1);
}

void map_and_unmap(void **state)
{
    uint64_t frame = fake_new_frame(granter);
    struct gnttab_map_grant_ref op = {.host_addr = PTE(3), .flags = HOST, .ref = 5};

    (void)state;
    grant(granter, 5, GTF_permit_access, user->id, frame);
    op.dom = granter->id;
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, fake_ptr(&op), 1), 0);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(op.dev_bus_addr, frame << PAGE_SHIFT);
    assert_int_equal(pte[3], frame);
    assert_int_equal(marks(5), GTF_reading | GTF_writing);
    assert_int_equal(fake_frame[frame].writable_refs, 2); /* the grant's and the entry's */
    assert_int_equal(granter->refs, 2);
    assert_int_equal(unmap(op.handle, PTE(3), 0), GNTST_okay);
    assert_int_equal(pte[3], 0);
    assert_int_equal(marks(5), 0);
    expect_unused(frame);
    assert_int_equal(unmap(op.handle, PTE(3), 0), GNTST_bad_handle);
}

void map_errors(void **state)
{
    uint64_t frame = fake_new_frame(granter), theirs = fake_new_frame(user);
    uint32_t handle;

    (void)state;
    grant(granter, 1, GTF_permit_access, user->id, frame);
    grant(granter, 2, GTF_permit_access | GTF_readonly, user->id, frame);
    grant(granter, 3, GTF_permit_access, granter->id, frame);
    grant(granter, 4, GTF_accept_transfer, user->id, frame);
    grant(granter, 5, GTF_permit_access, user->id, theirs);
    grant(granter, 6, GTF_permit_access, user->id, FAKE_FRAMES + 5);
    grant(granter, 7, GTF_transitive, user->id, frame);

    assert_int_equal(map(granter->id, 1, GNTMAP_readonly, PTE(0), &handle), GNTST_bad_gntref);
    assert_int_equal(map(7, 1, HOST, PTE(0), &handle), GNTST_bad_domain);
    assert_int_equal(map(DOMID_SELF, 1, HOST, PTE(0), &handle), GNTST_bad_domain);
    assert_int_equal(map(granter->id, 512, HOST, PTE(0), &handle), GNTST_bad_gntref);
    assert_int_equal(map(granter->id, UINT32_MAX, HOST, PTE(0), &handle), GNTST_bad_gntref);
    assert_int_equal(map(granter->id, 0, HOST, PTE(0), &handle), GNTST_general_error);
    assert_int_equal(map(granter->id, 2, HOST, PTE(0), &handle), GNTST_general_error);
    assert_int_equal(map(granter->id, 3, HOST, PTE(0), &handle), GNTST_general_error);
    assert_int_equal(map(granter->id, 4, HOST, PTE(0), &handle), GNTST_general_error);
    assert_int_equal(map(granter->id, 7, HOST, PTE(0), &handle), GNTST_general_error);
    assert_int_equal(map(granter->id, 5, HOST, PTE(0), &handle), GNTST_bad_page);
    assert_int_equal(map(granter->id, 6, HOST, PTE(0), &handle), GNTST_bad_page);
    assert_int_equal(map(granter->id, 1, HOST, PTE(PTES), &handle), GNTST_bad_virt_addr);
    assert_int_equal(marks(1), 0);
    expect_unused(frame);

    fake_frame[frame].is_page_table = true;
    assert_int_equal(map(granter->id, 1, HOST, PTE(0), &handle), GNTST_general_error);
    assert_int_equal(map(granter->id, 1, RO, PTE(0), &handle), GNTST_okay);
    assert_int_equal(marks(1), GTF_reading);
    assert_int_equal(unmap(handle, PTE(0), 0), GNTST_okay);
    assert_int_equal(map(granter->id, 2, RO, PTE(0), &handle), GNTST_okay);
    assert_int_equal(unmap(handle, PTE(0), 0), GNTST_okay);
    expect_unused(frame);
}

void pins_are_counted(void **state)
{
    uint64_t frame = fake_new_frame(granter);
    uint32_t ro1, ro2, rw1, rw2;

    (void)state;
    grant(granter, 9, GTF_permit_access, user->id, frame);
    assert_int_equal(map(granter->id, 9, RO, PTE(0), &ro1), GNTST_okay);
    assert_int_equal(marks(9), GTF_reading);
    assert_int_equal(map(granter->id, 9, HOST, PTE(1), &rw1), GNTST_okay);
    assert_int_equal(map(granter->id, 9, HOST, PTE(2), &rw2), GNTST_okay);
    assert_int_equal(map(granter->id, 9, RO, PTE(3), &ro2), GNTST_okay);
    assert_int_equal(marks(9), GTF_reading | GTF_writing);
    assert_int_equal(unmap(rw1, PTE(1), 0), GNTST_okay);
    assert_int_equal(marks(9), GTF_reading | GTF_writing);
    assert_int_equal(unmap(rw2, PTE(2), 0), GNTST_okay);
    assert_int_equal(marks(9), GTF_reading);
    assert_int_equal(unmap(ro1, PTE(0), 0), GNTST_okay);
    assert_int_equal(marks(9), GTF_reading);
    assert_int_equal(unmap(ro2, PTE(3), 0), GNTST_okay);
    assert_int_equal(marks(9), 0);
    expect_unused(frame);
}

void granter_cannot_swap_the_frame(void **state)
{
    uint64_t frame = fake_new_frame(granter), another = fake_new_frame(granter);
    uint32_t h1, h2, h3;

    (void)state;
    grant(granter, 9, GTF_permit_access, user->id, frame);
    assert_int_equal(map(granter->id, 9, RO, PTE(0), &h1), GNTST_okay);
    /* In use, the entry stands for its first frame whatever is written into it. */
    grant(granter, 9, GTF_permit_access, user->id, another);
    assert_int_equal(map(granter->id, 9, HOST, PTE(1), &h2), GNTST_okay);
    assert_int_equal(pte[1], frame);
    /* It cannot be turned over to a third domain either. */
    grant(granter, 9, GTF_permit_access, granter->id, frame);
    assert_int_equal(map(granter->id, 9, HOST, PTE(2), &h3), GNTST_general_error);
    fake_become(granter->vcpu[0]);
    assert_int_equal(map(granter->id, 9, HOST, PTE(2), &h3), GNTST_general_error);
    fake_become(user->vcpu[0]);
    grant(granter, 9, 0, 0, 0);
    assert_int_equal(unmap(h1, PTE(0), 0), GNTST_okay);
    assert_int_equal(unmap(h2, PTE(1), 0), GNTST_okay);
    assert_int_equal(marks(9), 0);
    expect_unused(frame);
    expect_unused(another);
}

static unsigned changes;
static uint64_t frames[2];

static void swap_frame(void)
{
    if (!changes)
        return;
    changes--;
    entry(granter, 9)->frame = (uint32_t)frames[changes % 2];
}

/* The change comes before the entry is looked at, or between that and the reference on the frame.
 */
void granter_changes_the_entry_while_it_is_checked(void **state)
{
    uint32_t handle;

    (void)state;
    frames[0] = fake_new_frame(granter);
    frames[1] = fake_new_frame(granter);
    for (unsigned n = 0; n <= 2; n++) {
        uint64_t got;
        long rc;

        grant(granter, 9, GTF_permit_access, user->id, frames[n % 2]);
        changes = n;
        fake_race = swap_frame;
        rc = map(granter->id, 9, HOST, PTE(0), &handle);
        fake_race = NULL;
        assert_int_equal(rc, n < 2 ? GNTST_okay : GNTST_general_error);
        if (rc) {
            assert_int_equal(marks(9), 0);
            expect_unused(frames[0]);
            expect_unused(frames[1]);
            continue;
        }
        got = pte[0];
        assert_int_equal(got, entry(granter, 9)->frame);
        assert_int_equal(fake_frame[got].refs, 2);
        assert_int_equal(fake_frame[frames[0] + frames[1] - got].refs, 0);
        assert_int_equal(unmap(handle, PTE(0), 0), GNTST_okay);
    }
}

void device_and_host_halves(void **state)
{
    uint64_t frame = fake_new_frame(granter), bus = frame << PAGE_SHIFT;
    uint32_t h;

    (void)state;
    grant(granter, 9, GTF_permit_access, user->id, frame);
    assert_int_equal(map(granter->id, 9, DEVICE, 0, &h), GNTST_okay);
    assert_int_equal(marks(9), GTF_reading | GTF_writing);
    assert_int_equal(unmap(h, 0, 0), GNTST_okay); /* neither half named */
    assert_int_equal(unmap(h, PTE(0), 0), GNTST_okay);
    assert_int_equal(unmap(h, 0, bus + PAGE_SIZE), GNTST_general_error);
    assert_int_equal(unmap(h, 0, bus), GNTST_okay);
    assert_int_equal(unmap(h, 0, bus), GNTST_bad_handle);

    assert_int_equal(map(granter->id, 9, DEVICE | HOST, PTE(4), &h), GNTST_okay);
    assert_int_equal(unmap(h, PTE(4), 0), GNTST_okay);
    assert_int_equal(pte[4], 0);
    assert_int_equal(marks(9), GTF_reading | GTF_writing);
    assert_int_equal(unmap(h, 0, bus), GNTST_okay);
    assert_int_equal(marks(9), 0);

    assert_int_equal(map(granter->id, 9, DEVICE | HOST, PTE(4), &h), GNTST_okay);
    assert_int_equal(unmap(h, PTE(4), bus), GNTST_okay);
    expect_unused(frame);
}

void unmap_errors(void **state)
{
    uint64_t frame = fake_new_frame(granter);
    uint32_t h;

    (void)state;
    assert_int_equal(unmap(0, PTE(0), 0), GNTST_bad_handle);
    grant(granter, 9, GTF_permit_access, user->id, frame);
    assert_int_equal(map(granter->id, 9, HOST, PTE(0), &h), GNTST_okay);
    assert_int_equal(unmap(h + 1, PTE(0), 0), GNTST_bad_handle);
    assert_int_equal(unmap(GRANT_MAPS_PER_FRAME, PTE(0), 0), GNTST_bad_handle);
    assert_int_equal(unmap(UINT32_MAX, PTE(0), 0), GNTST_bad_handle);
    assert_int_equal(unmap(h, PTE(1), 0), GNTST_general_error);
    /* The handle survives a wrong address. */
    assert_int_equal(unmap(h, PTE(0), 0), GNTST_okay);
    expect_unused(frame);
}

void handles_run_out(void **state)
{
    uint64_t frame = fake_new_frame(granter);
    uint32_t h;

    (void)state;
    user->grant.max_frames = 1;
    user->grant.max_maptrack = 2;
    grant(granter, 9, GTF_permit_access, user->id, frame);
    for (unsigned i = 0; i < 2 * GRANT_MAPS_PER_FRAME; i++) {
        assert_int_equal(map(granter->id, 9, DEVICE, 0, &h), GNTST_okay);
        assert_int_equal(h, i);
    }
    assert_int_equal(map(granter->id, 9, DEVICE, 0, &h), GNTST_no_device_space);
    assert_int_equal(unmap(77, 0, frame << PAGE_SHIFT), GNTST_okay);
    assert_int_equal(map(granter->id, 9, DEVICE, 0, &h), GNTST_okay);
    assert_int_equal(h, 77);
    user->grant.max_frames = 1;
    user->grant.max_maptrack = 3;
    fake_pages_left = 0;
    assert_int_equal(map(granter->id, 9, DEVICE, 0, &h), GNTST_no_device_space);
    grant_release_mappings(user);
    expect_unused(frame);
}

void as_many_handles_as_there_can_be(void **state)
{
    const uint32_t most = GRANT_MAPTRACK_MAX * GRANT_MAPS_PER_FRAME;
    uint64_t frame = fake_new_frame(granter);
    uint32_t h;

    (void)state;
    for (uint32_t i = 0; i < most / GRANT_PINS_MAX; i++)
        grant(granter, 9 + i, GTF_permit_access, user->id, frame);
    for (uint32_t i = 0; i < most; i++) {
        assert_int_equal(map(granter->id, 9 + i / GRANT_PINS_MAX, DEVICE, 0, &h), GNTST_okay);
        assert_int_equal(h, i);
    }
    grant(granter, 8, GTF_permit_access, user->id, frame);
    assert_int_equal(map(granter->id, 8, DEVICE, 0, &h), GNTST_no_device_space);
    assert_int_equal(unmap(most - 1, 0, frame << PAGE_SHIFT), GNTST_okay);
    assert_int_equal(map(granter->id, 8, DEVICE, 0, &h), GNTST_okay);
    grant_release_mappings(user);
    expect_unused(frame);
}

void pins_run_out(void **state)
{
    uint64_t frame = fake_new_frame(granter);
    uint32_t h;

    (void)state;
    grant(granter, 9, GTF_permit_access, user->id, frame);
    for (unsigned i = 0; i < GRANT_PINS_MAX; i++)
        assert_int_equal(map(granter->id, 9, DEVICE, 0, &h), GNTST_okay);
    assert_int_equal(map(granter->id, 9, DEVICE, 0, &h), GNTST_general_error);
    assert_int_equal(map(granter->id, 9, DEVICE | GNTMAP_readonly, 0, &h), GNTST_okay);
    grant_release_mappings(user);
    assert_int_equal(marks(9), 0);
    expect_unused(frame);
}

static uint32_t racing_handle;
static long raced;

/* Called while an L1 entry is being cleared: the user's other vCPU tries the same handle. */
static void unmap_again(void)
{
    raced = unmap(racing_handle, PTE(0), 0);
}

void handle_undone_twice_at_once(void **state)
{
    uint64_t frame = fake_new_frame(granter);

    (void)state;
    grant(granter, 9, GTF_permit_access, user->id, frame);
    assert_int_equal(map(granter->id, 9, HOST, PTE(0), &racing_handle), GNTST_okay);
    assert_int_equal(map(granter->id, 9, HOST, PTE(1), &(uint32_t){0}), GNTST_okay);
    raced = 1;
    race_in_unmap = unmap_again;
    assert_int_equal(unmap(racing_handle, PTE(0), 0), GNTST_okay);
    assert_int_equal(raced, GNTST_bad_handle);
    assert_int_equal(fake_frame[frame].refs, 2);
    grant_release_mappings(user);
}

void granter_ends_first(void **state)
{
    uint64_t frame = fake_new_frame(granter);
    uint16_t id = granter->id;
    uint32_t h, h2;

    (void)state;
    grant(granter, 9, GTF_permit_access, user->id, frame);
    assert_int_equal(map(id, 9, HOST, PTE(0), &h), GNTST_okay);
    end_of(granter);
    assert_int_equal(fake_frame[frame].refs, 2);
    assert_int_equal(map(id, 9, HOST, PTE(1), &h2), GNTST_bad_domain);
    assert_int_equal(unmap(h, PTE(0), 0), GNTST_okay);
    expect_unused(frame);
    end_struct(&granter);
    assert_int_equal(map(id, 9, HOST, PTE(1), &h2), GNTST_bad_domain);
}

void user_ends_with_mappings(void **state)
{
    uint64_t frame = fake_new_frame(granter);
    uint32_t h;

    (void)state;
    grant(granter, 9, GTF_permit_access, user->id, frame);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(map(granter->id, 9, i % 2 ? HOST : RO, PTE(i), &h), GNTST_okay);
    end_of(user);
    /* What is left are the references of its page tables. */
    assert_int_equal(fake_frame[frame].refs, 10);
    assert_int_equal(marks(9), 0);
    assert_int_equal(granter->refs, 1);
}

void many_in_one_call(void **state)
{
    enum { N = 60 };
    uint64_t frame = fake_new_frame(granter);
    struct gnttab_map_grant_ref maps[N];
    struct gnttab_unmap_grant_ref unmaps[N];
    unsigned polls;

    (void)state;
    grant(granter, 9, GTF_permit_access, user->id, frame);
    for (unsigned i = 0; i < N; i++)
        maps[i] = (struct gnttab_map_grant_ref){.host_addr = PTE(i),
                                                .flags = RO,
                                                .ref = i % 10 ? 9 : 8,
                                                .dom = granter->id,
                                                .handle = 4567};
    polls = fake_polls;
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, fake_ptr(maps), N), 0);
    assert_true(fake_polls >= polls + N / 20);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(maps[i].status, i % 10 ? GNTST_okay : GNTST_general_error);
        unmaps[i] = (struct gnttab_unmap_grant_ref){.host_addr = PTE(i), .handle = maps[i].handle};
    }
    flushes = 0;
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, fake_ptr(unmaps), N), 0);
    assert_int_equal(flushes, 4);
    for (unsigned i = 0; i < N; i++)
        assert_int_equal(unmaps[i].status, i % 10 ? GNTST_okay : GNTST_bad_handle);
    expect_unused(frame);
}

void shutdown_ends_a_long_call(void **state)
{
    struct gnttab_unmap_grant_ref *ops = test_calloc(1000, sizeof(*ops));

    (void)state;
    user->vcpu[0]->work |= WORK_STOP;
    for (unsigned i = 0; i < 1000; i++)
        ops[i].status = 1;
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, fake_ptr(ops), 1000), 0);
    assert_int_equal(ops[0].status, GNTST_bad_handle);
    assert_int_equal(ops[100].status, 1);
    test_free(ops);
}

void own_grant(void **state)
{
    uint64_t frame = fake_new_frame(user);
    uint32_t h;

    (void)state;
    grant(user, 9, GTF_permit_access, user->id, frame);
    assert_int_equal(map(user->id, 9, HOST, PTE(0), &h), GNTST_okay);
    assert_int_equal(unmap(h, PTE(0), 0), GNTST_okay);
    expect_unused(frame);
}
