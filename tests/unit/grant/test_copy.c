/* Grants: copy. */
#include "helpers.h"

#include <string.h>

static long copy(struct gnttab_copy *op)
{
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, fake_ptr(op), 1), 0);
    return op->status;
}

static struct gnttab_copy from_to(uint32_t ref, uint64_t frame)
{
    struct gnttab_copy op = {.flags = GNTCOPY_source_gref, .len = PAGE_SIZE};

    op.source.u.ref = ref;
    op.source.domid = granter->id;
    op.dest.u.gmfn = frame;
    op.dest.domid = DOMID_SELF;
    return op;
}

static struct gnttab_copy swapped(struct gnttab_copy op)
{
    struct gnttab_copy_ptr source = op.source;

    op.source = op.dest;
    op.dest = source;
    op.flags = GNTCOPY_dest_gref;
    return op;
}

static uint64_t theirs, mine;

static void prepare(void)
{
    theirs = fake_new_frame(granter);
    mine = fake_new_frame(user);
    grant(granter, 1, GTF_permit_access, user->id, theirs);
    grant(granter, 2, GTF_permit_access | GTF_readonly, user->id, theirs);
    memset(fake_frame[theirs].bytes, 0xaa, PAGE_SIZE);
}

static void expect_unused(void)
{
    assert_int_equal(fake_frame[mine].refs, 0);
    assert_int_equal(fake_frame[theirs].refs, 0);
    assert_int_equal(marks(1), 0);
    assert_int_equal(marks(2), 0);
    assert_int_equal(granter->refs, 1);
    assert_int_equal(user->refs, 1);
}

void copy_between_grants(void **state)
{
    const uint8_t *bytes;
    struct gnttab_copy op;

    (void)state;
    prepare();
    bytes = fake_frame[mine].bytes;
    op = from_to(1, mine);
    assert_int_equal(copy(&op), GNTST_okay);
    assert_memory_equal(bytes, fake_frame[theirs].bytes, PAGE_SIZE);
    op = from_to(2, mine);
    assert_int_equal(copy(&op), GNTST_okay);

    memset(fake_frame[mine].bytes, 0x55, PAGE_SIZE);
    op = swapped(from_to(1, mine));
    op.source.offset = 4090;
    op.dest.offset = 1;
    op.len = 6;
    assert_int_equal(copy(&op), GNTST_okay);
    bytes = fake_frame[theirs].bytes;
    assert_int_equal(bytes[0], 0xaa);
    assert_int_equal(bytes[1], 0x55);
    assert_int_equal(bytes[6], 0x55);
    assert_int_equal(bytes[7], 0xaa);

    /* Both ends by reference. */
    op = from_to(2, 0);
    op.dest.u.ref = 1;
    op.dest.domid = granter->id;
    op.flags |= GNTCOPY_dest_gref;
    assert_int_equal(copy(&op), GNTST_okay);
    expect_unused();
}

void copy_own_frames(void **state)
{
    uint64_t second;
    struct gnttab_copy op;

    (void)state;
    prepare();
    second = fake_new_frame(user);
    memset(fake_frame[second].bytes, 7, PAGE_SIZE);
    op = from_to(0, mine);
    op.flags = 0;
    op.source.u.gmfn = second;
    op.source.domid = DOMID_SELF;
    assert_int_equal(copy(&op), GNTST_okay);
    assert_memory_equal(fake_frame[mine].bytes, fake_frame[second].bytes, PAGE_SIZE);
    expect_unused();
}

void copy_bounds(void **state)
{
    static const struct {
        uint16_t source, dest, len;
        int status;
    } cases[] = {
        {0, 0, 4096, GNTST_okay},           {0, 0, 0, GNTST_okay},
        {4096, 4096, 0, GNTST_okay},        {4095, 0, 1, GNTST_okay},
        {0, 4095, 1, GNTST_okay},           {1, 0, 4096, GNTST_bad_copy_arg},
        {0, 1, 4096, GNTST_bad_copy_arg},   {4096, 0, 1, GNTST_bad_copy_arg},
        {0, 4097, 0, GNTST_bad_copy_arg},   {0, 0, 4097, GNTST_bad_copy_arg},
        {0, 0, 0xffff, GNTST_bad_copy_arg}, {0xffff, 0, 0xffff, GNTST_bad_copy_arg},
        {0, 0xffff, 1, GNTST_bad_copy_arg},
    };

    (void)state;
    prepare();
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct gnttab_copy op = from_to(1, mine);

        op.source.offset = cases[i].source;
        op.dest.offset = cases[i].dest;
        op.len = cases[i].len;
        assert_int_equal(copy(&op), cases[i].status);
        expect_unused();
    }
}

void copy_errors(void **state)
{
    struct gnttab_copy op;

    (void)state;
    prepare();
    op = from_to(1, mine);
    op.source.domid = 7;
    assert_int_equal(copy(&op), GNTST_bad_domain);
    op = from_to(600, mine);
    assert_int_equal(copy(&op), GNTST_bad_gntref);
    op = from_to(3, mine);
    assert_int_equal(copy(&op), GNTST_general_error);
    op = swapped(from_to(2, mine));
    assert_int_equal(copy(&op), GNTST_general_error);
    op = from_to(1, theirs);
    assert_int_equal(copy(&op), GNTST_bad_page);
    op = from_to(1, ~0ul);
    assert_int_equal(copy(&op), GNTST_bad_page);
    /* A frame without a reference must be one's own, and be called so. */
    op = from_to(1, mine);
    op.dest.domid = user->id;
    assert_int_equal(copy(&op), GNTST_permission_denied);
    op = from_to(1, mine);
    op.flags = 0;
    op.source.u.gmfn = theirs;
    assert_int_equal(copy(&op), GNTST_permission_denied);
    fake_frame[mine].is_page_table = true;
    op = from_to(1, mine);
    assert_int_equal(copy(&op), GNTST_general_error);
    op = swapped(from_to(1, mine));
    assert_int_equal(copy(&op), GNTST_okay);
    fake_frame[mine].is_page_table = false;
    expect_unused();
}

void copy_within_a_page(void **state)
{
    uint8_t expected[PAGE_SIZE], *bytes;
    struct gnttab_copy op;

    (void)state;
    prepare();
    bytes = fake_frame[mine].bytes;
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        expected[i] = bytes[i] = (uint8_t)(i * 7 + i / 256);
    op = from_to(0, mine);
    op.flags = 0;
    op.source.u.gmfn = mine;
    op.source.domid = DOMID_SELF;
    op.dest.offset = 3;
    op.len = PAGE_SIZE - 3;
    memmove(expected + 3, expected, PAGE_SIZE - 3);
    assert_int_equal(copy(&op), GNTST_okay);
    assert_memory_equal(bytes, expected, PAGE_SIZE);
}

void copy_from_an_ended_domain(void **state)
{
    struct gnttab_copy op;

    (void)state;
    prepare();
    op = from_to(1, mine);
    end_of(granter);
    assert_int_equal(copy(&op), GNTST_bad_domain);
    end_struct(&granter);
    assert_int_equal(copy(&op), GNTST_bad_domain);
}

void copy_many(void **state)
{
    struct gnttab_copy ops[50];
    unsigned polls = fake_polls;

    (void)state;
    prepare();
    for (unsigned i = 0; i < 50; i++)
        ops[i] = from_to(i % 3, mine);
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, fake_ptr(ops), 50), 0);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(ops[i].status, i % 3 ? GNTST_okay : GNTST_general_error);
    assert_true(fake_polls >= polls + 3);
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, guest_ptr(64), 1), -XEN_EFAULT);
    fake_make_readonly(&ops[1], sizeof(ops[1]));
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, fake_ptr(ops), 3), -XEN_EFAULT);
    expect_unused();
}
