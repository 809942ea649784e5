/* Dispatch by ABI version, and multicall, over a table with three versions (abi/hypercalls.def in
 * this folder). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/domain.h"
#include "core/hypercall.h"
#include "debug/core/hypercall_replace.h"

static struct domain domain;
static struct vcpu vcpu = {.domain = &domain};

struct vcpu *arch_current(void)
{
    return &vcpu;
}

/* --- guest memory: the test's own --- */

static const char *unreadable, *unwritable;

bool copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    if ((const char *)src.addr == unreadable || !src.addr)
        return false;
    memcpy(dst, (const void *)src.addr, bytes);
    return true;
}

bool copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    if ((const char *)dst.addr == unwritable || !dst.addr)
        return false;
    memcpy((void *)dst.addr, src, bytes);
    return true;
}

static unsigned resched;

void cond_resched(void)
{
    resched++;
}

/* --- handlers --- */

static unsigned called;

long do_xen_version(uint32_t cmd, guest_ptr_t arg)
{
    called++;
    return 1000 + cmd + (long)arg.addr;
}

long do_sched_op(uint32_t cmd, guest_ptr_t arg)
{
    (void)arg;
    called++;
    if (cmd == 77)
        vcpu.work |= WORK_STOP;
    return 2000 + cmd;
}

long do_console_io(uint32_t cmd, guest_ptr_t arg)
{
    (void)arg;
    called++;
    return 3000 + cmd;
}

long do_iret(void)
{
    fail_msg("iret from a multicall");
    return 0;
}

static int setup(void **state)
{
    (void)state;
    called = resched = 0;
    vcpu.work = 0;
    unreadable = unwritable = NULL;
    hypercall_init();
    return 0;
}

static long call_as(uint32_t version, unsigned nr)
{
    return abi_version_find(version)->call[nr](5, 0, 0, 0, 0, 0);
}

static void each_version_has_its_calls(void **state)
{
    (void)state;
    assert_int_equal(call_as(1, 17), 1005);
    assert_int_equal(call_as(2, 17), 1005);
    assert_int_equal(call_as(3, 17), 1005);
    assert_int_equal(call_as(1, 29), -XEN_ENOSYS); /* newer than the guest */
    assert_int_equal(call_as(2, 29), 2005);
    assert_int_equal(call_as(3, 29), 2005);
    assert_int_equal(call_as(1, 18), 3005);
    assert_int_equal(call_as(2, 18), 3005);
    assert_int_equal(call_as(3, 18), -XEN_ENOSYS); /* gone */
}

static void numbers_without_a_call_answer_enosys(void **state)
{
    (void)state;
    for (unsigned nr = 0; nr < NR_HYPERCALLS; nr++)
        if (nr != 13 && nr != 17 && nr != 18 && nr != 23 && nr != 29)
            for (uint32_t version = 1; version <= 3; version++)
                assert_int_equal(call_as(version, nr), -XEN_ENOSYS);
}

static long other(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    (void)b, (void)c, (void)d, (void)e, (void)f;
    return 9000 + (long)a;
}

static void a_handler_is_replaced_where_it_is(void **state)
{
    hypercall_t was = abi_version_find(2)->call[18];

    (void)state;
    assert_ptr_equal(hypercall_replace(18, other), was);
    assert_int_equal(call_as(1, 18), 9005);
    assert_int_equal(call_as(2, 18), 9005);
    assert_int_equal(call_as(3, 18), -XEN_ENOSYS);
    assert_int_equal(call_as(2, 29), 2005);
    assert_null(hypercall_replace(40, other));
    assert_int_equal(call_as(1, 40), -XEN_ENOSYS);
}

static void only_published_versions_exist(void **state)
{
    (void)state;
    assert_null(abi_version_find(0));
    assert_null(abi_version_find(4));
    assert_null(abi_version_find(UINT32_MAX));
    assert_int_equal(abi_version_find(LAMINA_ABI_VERSION)->number, 3);
    for (uint32_t v = 1; v <= 3; v++)
        assert_int_equal(abi_version_find(v)->number, v);
}

static void sub_operations_go_with_the_version(void **state)
{
    static const bool expected[4][3] = {/* version, extraversion, changeset */
                                        {0},
                                        {true, false, true},
                                        {true, true, true},
                                        {true, true, false}};

    (void)state;
    for (uint32_t v = 1; v <= 3; v++) {
        domain.abi = abi_version_find(v);
        assert_int_equal(subop_exists(17, XENVER_version), expected[v][0]);
        assert_int_equal(subop_exists(17, XENVER_extraversion), expected[v][1]);
        assert_int_equal(subop_exists(17, XENVER_changeset), expected[v][2]);
        assert_false(subop_exists(17, 63));
        assert_false(subop_exists(17, 64)); /* a shift by 64 would be one by 0 */
        assert_false(subop_exists(17, UINT64_MAX));
        assert_false(subop_exists(29, 0));
    }
}

static long multicall(struct multicall_entry *e, uint32_t count)
{
    return do_multicall((guest_ptr_t){(uint64_t)e}, count);
}

static void multicall_runs_each_and_reports_each(void **state)
{
    struct multicall_entry e[] = {
        {.op = 17, .args = {1, 10}}, {.op = 29, .args = {2}}, {.op = 40}, {.op = 17, .args = {3}}};

    (void)state;
    domain.abi = abi_version_find(2);
    assert_int_equal(multicall(e, 4), 0);
    assert_int_equal(e[0].result, 1011);
    assert_int_equal(e[1].result, 2002);
    assert_int_equal((long)e[2].result, -XEN_ENOSYS);
    assert_int_equal(e[3].result, 1003);
    assert_int_equal(called, 3);

    domain.abi = abi_version_find(1);
    assert_int_equal(multicall(e, 4), 0);
    assert_int_equal((long)e[1].result, -XEN_ENOSYS);
    assert_int_equal(multicall(NULL, 0), 0);
}

static void multicall_refuses_what_does_not_belong_there(void **state)
{
    struct multicall_entry e[] = {{.op = 13, .args = {0, 1}},
                                  {.op = 23},
                                  {.op = 64},
                                  {.op = UINT64_MAX},
                                  {.op = 1ul << 32 | 17}};

    (void)state;
    domain.abi = abi_version_find(3);
    assert_int_equal(multicall(e, 5), 0);
    assert_int_equal((long)e[0].result, -XEN_EINVAL);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal((long)e[i].result, -XEN_ENOSYS);
    assert_int_equal(called, 0);
}

static void multicall_stops_at_memory_it_cannot_use(void **state)
{
    struct multicall_entry e[3] = {{.op = 17}, {.op = 17}, {.op = 17}};

    (void)state;
    domain.abi = abi_version_find(1);
    unreadable = (const char *)&e[1];
    assert_int_equal(multicall(e, 3), -XEN_EFAULT);
    assert_int_equal(called, 1);
    unreadable = NULL;
    unwritable = (const char *)&e[0].result;
    assert_int_equal(multicall(e, 3), -XEN_EFAULT);
    assert_int_equal(called, 2);
}

/* Nothing sets `work` while interrupts are off: it must be looked for all the same. */
static void multicall_gives_way(void **state)
{
    struct multicall_entry e[9] = {0};

    (void)state;
    domain.abi = abi_version_find(2);
    for (unsigned i = 0; i < 9; i++)
        e[i] = (struct multicall_entry){.op = 29, .result = 7};
    assert_int_equal(multicall(e, 9), 0);
    assert_int_equal(resched, 4);
    e[4].args[0] = 77; /* the domain is stopped */
    assert_int_equal(multicall(e, 9), 0);
    assert_in_range(called, 9 + 5, 9 + 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_version_has_its_calls, setup),
        cmocka_unit_test_setup(numbers_without_a_call_answer_enosys, setup),
        cmocka_unit_test_setup(a_handler_is_replaced_where_it_is, setup),
        cmocka_unit_test_setup(only_published_versions_exist, setup),
        cmocka_unit_test_setup(sub_operations_go_with_the_version, setup),
        cmocka_unit_test_setup(multicall_runs_each_and_reports_each, setup),
        cmocka_unit_test_setup(multicall_refuses_what_does_not_belong_there, setup),
        cmocka_unit_test_setup(multicall_stops_at_memory_it_cannot_use, setup),
        cmocka_unit_test_setup(multicall_gives_way, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
