#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "abi/xen.h"
#include "core/plan.h"
#include "tests/unit/config/log_capture.h"
#include "tests/unit/plan/plan_check.h"

#define MIB        (1ul << 20)
#define MIB_PAGES  256ul
#define LINUX_BASE 0xffffffff80000000ul
#define LINUX_P2M  0x8000000000ul

static struct image linux_image(void)
{
    return (struct image){
        .virt_base = LINUX_BASE,
        .virt_start = LINUX_BASE + 16 * MIB,
        .virt_end = LINUX_BASE + 50 * MIB + 100,
        .entry = LINUX_BASE + 16 * MIB,
        .hypercall_page = LINUX_BASE + 17 * MIB,
        .init_p2m = LINUX_P2M,
        .ramdisk_by_pfn = true,
    };
}

static struct image small_image(void)
{
    return (struct image){
        .virt_start = 0,
        .virt_end = 100 * 1024,
        .hypercall_page = NO_ADDRESS,
        .init_p2m = NO_ADDRESS,
    };
}

static void assert_range(struct plan_range range, uint64_t virt, uint64_t first, uint64_t pages)
{
    assert_true(range.virt == virt);
    assert_int_equal(range.pfn, first);
    assert_int_equal(range.pages, pages);
}

/* --- particular plans --- */

static void test_small(void **state)
{
    const struct image img = small_image();

    (void)state;
    assert_true(plan_make(&plan, &img, 5000, 4 * MIB_PAGES, "a"));
    assert_silent();
    assert_range(plan.kernel, 0, 0, 25);
    assert_range(plan.ramdisk, 25 * PAGE_SIZE, 25, 2);
    assert_range(plan.p2m, 27 * PAGE_SIZE, 27, 2);
    assert_range(plan.start_info, 29 * PAGE_SIZE, 29, 1);
    assert_range(plan.xenstore, 30 * PAGE_SIZE, 30, 1);
    assert_range(plan.console, 31 * PAGE_SIZE, 31, 1);
    assert_range(plan.page_tables, 32 * PAGE_SIZE, 32, 5); /* L4, L3, L2, two L1 */
    assert_range(plan.stack, 37 * PAGE_SIZE, 37, 1);
    assert_int_equal(plan.area[PLAN_BOOT].pages, 1024);
    assert_int_equal(plan.area[PLAN_P2M].pages, 0);
    check_plan(&img);
    assert_int_equal(table_of(4, 0), 32);
    assert_int_equal(table_of(3, 0), 33);
    assert_int_equal(table_of(2, 0), 34);
    assert_int_equal(table_of(1, 0), 35);
    assert_int_equal(table_of(1, 2 * MIB), 36);
}

static void test_linux(void **state)
{
    const struct image img = linux_image();

    (void)state;
    assert_true(plan_make(&plan, &img, 30 * MIB + 1, 1024 * MIB_PAGES, "a"));
    assert_silent();
    assert_range(plan.kernel, LINUX_BASE + 16 * MIB, 4096, 34 * MIB_PAGES + 1);
    assert_range(plan.start_info, LINUX_BASE + 50 * MIB + PAGE_SIZE, 12801, 1);
    assert_int_equal(plan.area[PLAN_BOOT].pages, 52 * MIB_PAGES);
    assert_int_equal(plan.page_tables.pages, 3 + 26);
    assert_range(plan.ramdisk, NO_ADDRESS, 52 * MIB_PAGES, 30 * MIB_PAGES + 1);
    assert_range(plan.p2m, LINUX_P2M, 82 * MIB_PAGES + 1, 512);
    assert_int_equal(plan.p2m_tables.pages, 3); /* L3, L2, L1 */
    check_plan(&img);
    assert_int_equal(table_of(4, LINUX_P2M), plan.page_tables.pfn);
    assert_int_equal(table_of(3, LINUX_P2M), plan.p2m_tables.pfn);
    assert_int_equal(table_of(2, LINUX_P2M), plan.p2m_tables.pfn + 1);
    assert_int_equal(table_of(1, LINUX_P2M), plan.p2m_tables.pfn + 2);
}

/* Areas that are so close that tables of the one serve the other too. */
static void test_shared_tables(void **state)
{
    static const struct {
        uint64_t base, p2m;
        unsigned tables; /* that the p2m needs of its own; it is 2 MiB long */
    } cases[] = {
        {0, 4 * MIB, 1},                             /* right above: L1 */
        {0, 5 * MIB, 2},                             /* two L1 */
        {0, 0x3fe00000, 1},                          /* the last L1 of the same L2 */
        {0, 0x40000000, 2},                          /* the next L2 */
        {0, 0x8000000000, 3},                        /* the next L3 */
        {8 * MIB, 6 * MIB, 1},                       /* right below */
        {8 * MIB, 5 * MIB, 2},                       /* two L1 */
        {0x40000000, 0x3fe00000, 2},                 /* L2 and L1 */
        {3 * MIB, MIB, 1},                           /* shares the boot area's first L1 */
        {0x8000000000, 0x7fffe00000, 3},             /* below, in another L4 entry */
        {0xffff880000000000, 0xffff880000400000, 1}, /* the upper half */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image img = small_image();

        img.virt_base = img.virt_start = cases[i].base;
        img.virt_end = img.virt_start + 100 * 1024;
        img.init_p2m = cases[i].p2m;
        assert_true(plan_make(&plan, &img, 0, 1024 * MIB_PAGES, "a"));
        assert_int_equal(plan.p2m_tables.pages, cases[i].tables);
        check_plan(&img);
    }
    assert_silent();
}

/* The page tables themselves can push the end over a 4 MiB boundary. */
static void test_boundaries(void **state)
{
    struct image img = small_image();

    (void)state;
    for (uint64_t pages = 840; pages < 900; pages++) {
        img.virt_end = pages * PAGE_SIZE;
        assert_true(plan_make(&plan, &img, 0, 8 * MIB_PAGES, "a"));
        check_plan(&img);
        /* 4 pages of p2m, 3 single pages, 5 or 6 tables, stack, padding. */
        assert_int_equal(plan.area[PLAN_BOOT].pages,
                         pages + 4 + 3 + 5 + 1 + 128 <= 1024 ? 1024 : 2048);
    }
    assert_silent();
}

static void test_unaligned_base(void **state)
{
    struct image img = small_image();

    (void)state;
    img.virt_base = 0x3ff000;
    img.virt_start = 0x3ff800; /* not at the start of its page */
    img.virt_end = 0x400001;
    assert_true(plan_make(&plan, &img, 0, 8 * MIB_PAGES, "a"));
    assert_range(plan.kernel, 0x3ff000, 0, 2);
    check_plan(&img);
}

/* --- what does not fit --- */

static void test_too_large(void **state)
{
    struct image img = linux_image();

    (void)state;
    assert_false(plan_make(&plan, &img, 0, 8 * MIB_PAGES, "a"));
    assert_logged(
        "/domains/a: memory = <8>: expected <53> (MiB) or more, for a kernel of 34820 KiB "
        "and a ramdisk of 0 KiB");
    assert_false(plan_make(&plan, &img, 0, 52 * MIB_PAGES, "a"));
    log_reset();
    assert_true(plan_make(&plan, &img, 0, 53 * MIB_PAGES, "a"));

    img = small_image();
    assert_false(plan_make(&plan, &img, 0, MIB_PAGES, "a"));
    assert_logged(
        "/domains/a: memory = <1>: expected <4> (MiB) or more, for a kernel of 100 KiB and a "
        "ramdisk of 0 KiB");
    assert_false(plan_make(&plan, &img, 100 * MIB, 100 * MIB_PAGES, "a"));
    assert_logged(
        "/domains/a: memory = <100>: expected <104> (MiB) or more, for a kernel of 100 KiB "
        "and a ramdisk of 102400 KiB");
    assert_true(plan_make(&plan, &img, 100 * MIB, 104 * MIB_PAGES, "a"));
    assert_silent();
}

/* What the message asks for is enough, and a MiB less is not. */
static void test_wanted_memory(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 400; i++) {
        struct image img = i % 2 ? linux_image() : small_image();
        const size_t ramdisk = (size_t)i * 977 * 1024;
        unsigned long given, wanted;

        img.virt_end += (uint64_t)i * 333333;
        assert_false(plan_make(&plan, &img, ramdisk, MIB_PAGES, "a"));
        assert_int_equal(
            sscanf(log_text, "/domains/a: memory = <%lu>: expected <%lu>", &given, &wanted), 2);
        log_reset();
        assert_true(plan_make(&plan, &img, ramdisk, wanted * MIB_PAGES, "a"));
        assert_silent();
        assert_false(plan_make(&plan, &img, ramdisk, (wanted - 1) * MIB_PAGES, "a"));
        log_reset();
    }
}

static void test_no_room(void **state)
{
    static const struct {
        uint64_t base, bytes;
    } cases[] = {
        {0xffffffffff800000, 0x400000}, /* the end of the address space */
        {0xffffffffffc00000, 0x1000},   /* its last 4 MiB */
        {0x00007ffffff00000, 0x100000}, /* the end of the lower half */
        {0x0000800000000000, 0x1000},   /* not an address */
        {0xffff7ffffffff000, 0x1000},   /* not an address */
        {0xffff800000000000, 0x1000},   /* the hypervisor's */
        {0xffff87ffffff0000, 0x1000},   /* the hypervisor's */
        {0xfffffffffffff000, 0xfff},    /* the last page */
        {0, 0x7ffffffffffff000},        /* a segment far away */
    };
    struct image img = small_image();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        img.virt_base = img.virt_start = cases[i].base;
        img.virt_end = cases[i].base + cases[i].bytes;
        assert_false(plan_make(&plan, &img, 0, 64 * MIB_PAGES, "a"));
        assert_int_equal(log_lines, 1);
        assert_non_null(strstr(log_text, "/domains/a: kernel: initial mapping of"));
        log_reset();
    }
    img.virt_base = 0xffffffffff400000;
    img.virt_start = img.virt_base;
    img.virt_end = img.virt_base + 4096;
    assert_true(plan_make(&plan, &img, 0, 64 * MIB_PAGES, "a"));
    check_plan(&img);
}

static void test_p2m_misplaced(void **state)
{
    static const uint64_t places[] = {
        LINUX_BASE,             /* where the kernel is */
        LINUX_BASE + 51 * MIB,  /* the boot area's last MiB */
        LINUX_BASE - PAGE_SIZE, /* runs into it */
        0xffff800000000000,     /* the hypervisor's */
        0xffff87fffff00000,     /* runs out of it */
        0x00007fffffe01000,     /* the end of the lower half */
        0xffffffffffe00000,     /* the end of all */
        0x8000000000000000,     /* not an address */
    };
    struct image img = linux_image();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        img.init_p2m = places[i];
        assert_false(plan_make(&plan, &img, 0, 1024 * MIB_PAGES, "a"));
        assert_int_equal(log_lines, 1);
        assert_non_null(strstr(log_text, "/domains/a: kernel: note INIT_P2M = "));
        log_reset();
    }
    img.init_p2m = LINUX_BASE;
    assert_false(plan_make(&plan, &img, 0, 1024 * MIB_PAGES, "a"));
    assert_logged(
        "/domains/a: kernel: note INIT_P2M = 0xffffffff80000000 for 512 pages: expected a "
        "place for guests, outside 0xffffffff80000000 .. 0xffffffff83400000");
}

static void test_random_plans(void **state)
{
    uint64_t random = 1;
    unsigned made = 0;

    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        struct image img = i % 2 ? linux_image() : small_image();
        size_t ramdisk;

        random = random * 6364136223846793005ul + 1442695040888963407ul;
        img.virt_base += (random >> 20) % 2048 * PAGE_SIZE;
        img.virt_start = img.virt_base + (random >> 33) % (8 * MIB);
        img.virt_end = img.virt_start + 1 + (random >> 13) % (8 * MIB);
        img.ramdisk_by_pfn = random >> 62 & 1;
        ramdisk = (random >> 40) % (8 * MIB);
        if (random >> 61 & 1)
            img.init_p2m = (random >> 30) % (1 << 15) * PAGE_SIZE;
        if (plan_make(&plan, &img, ramdisk, (random >> 17) % (64 * MIB_PAGES) + MIB_PAGES, "a")) {
            check_plan(&img);
            made++;
        }
        log_reset();
    }
    assert_in_range(made, 1000, 3000);
}

static int setup(void **state)
{
    (void)state;
    log_reset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_small, setup),
        cmocka_unit_test_setup(test_linux, setup),
        cmocka_unit_test_setup(test_shared_tables, setup),
        cmocka_unit_test_setup(test_boundaries, setup),
        cmocka_unit_test_setup(test_unaligned_base, setup),
        cmocka_unit_test_setup(test_too_large, setup),
        cmocka_unit_test_setup(test_wanted_memory, setup),
        cmocka_unit_test_setup(test_no_room, setup),
        cmocka_unit_test_setup(test_p2m_misplaced, setup),
        cmocka_unit_test_setup(test_random_plans, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
