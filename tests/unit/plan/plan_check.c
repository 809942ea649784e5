#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/plan/plan_check.h"

#define BOOT_ALIGN  (4ul << 20)
#define TABLE_PAGES 4096 /* page-table pages that a test looks at */

struct build_plan plan;

struct entry {
    uint64_t pfn;
    bool present, writable;
};

static struct entry tables[TABLE_PAGES][512];

/* Page-table pages are the boot area's, and then the p2m's. */
static struct entry *table_at(uint64_t frame)
{
    if (frame - plan.page_tables.pfn < plan.page_tables.pages)
        return tables[frame - plan.page_tables.pfn];
    assert_in_range(frame, plan.p2m_tables.pfn, plan.p2m_tables.pfn + plan.p2m_tables.pages - 1);
    return tables[plan.page_tables.pages + frame - plan.p2m_tables.pfn];
}

static void fill_tables(void)
{
    memset(tables, 0, (plan.page_tables.pages + plan.p2m_tables.pages) * sizeof(tables[0]));
    for (unsigned a = 0; a < 2; a++) {
        const struct plan_range *area = &plan.area[a];
        const uint64_t last = area->virt + area->pages * PAGE_SIZE - 1;

        for (unsigned level = 1; level <= 4 && area->pages; level++) {
            const uint64_t span = PAGE_SIZE << (9 * (level - 1));

            for (uint64_t va = area->virt / span;; va++) {
                struct entry *e = &table_at(plan_table(&plan, level, va * span).n)[va % 512];
                const uint64_t target = level == 1 ? area->pfn + va - area->virt / PAGE_SIZE
                                                   : plan_table(&plan, level - 1, va * span).n;

                assert_true(!e->present || (level > 1 && e->pfn == target));
                *e = (struct entry){target, true,
                                    target - plan.page_tables.pfn >= plan.page_tables.pages};
                if (va == last / span)
                    break;
            }
        }
    }
}

/* Whether the address is mapped; then *frame is where. */
static bool walk(uint64_t va, struct entry *found)
{
    uint64_t frame = plan.page_tables.pfn;

    for (unsigned level = 4; level >= 1; level--) {
        *found = table_at(frame)[va >> (12 + 9 * (level - 1)) & 511];
        if (!found->present)
            return false;
        frame = found->pfn;
    }
    return true;
}

static void check_mapped(struct plan_range range, bool writable)
{
    struct entry e;

    if (range.virt == NO_ADDRESS)
        return;
    for (uint64_t i = 0; i < range.pages; i++) {
        assert_true(walk(range.virt + i * PAGE_SIZE, &e));
        assert_int_equal(e.pfn, range.pfn + i);
        assert_int_equal(e.writable, writable);
    }
}

static void check_no_empty_table(void)
{
    for (uint64_t i = 0; i < plan.page_tables.pages + plan.p2m_tables.pages; i++) {
        bool used = false;

        for (unsigned j = 0; j < 512; j++)
            used |= tables[i][j].present;
        assert_true(used);
    }
}

static void check_order(const struct image *img)
{
    const struct plan_range *ranges[] = {
        &plan.kernel,
        plan.ramdisk.virt == NO_ADDRESS ? NULL : &plan.ramdisk,
        plan.area[PLAN_P2M].pages ? NULL : &plan.p2m,
        &plan.start_info,
        &plan.xenstore,
        &plan.console,
        &plan.page_tables,
        &plan.stack,
    };
    uint64_t next = (img->virt_start - img->virt_base) / PAGE_SIZE;
    const uint64_t end = img->virt_base + plan.area[PLAN_BOOT].pages * PAGE_SIZE;

    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        if (!ranges[i])
            continue;
        assert_int_equal(ranges[i]->pfn, next);
        assert_true(ranges[i]->virt == img->virt_base + next * PAGE_SIZE);
        next += ranges[i]->pages;
    }
    assert_int_equal(end % BOOT_ALIGN, 0);
    assert_true(end - (img->virt_base + next * PAGE_SIZE) >= 512 * 1024);
    assert_true(end - (img->virt_base + next * PAGE_SIZE) < 512 * 1024 + 2 * BOOT_ALIGN);

    next = plan.area[PLAN_BOOT].pages;
    if (plan.ramdisk.virt == NO_ADDRESS) {
        assert_int_equal(plan.ramdisk.pfn, next);
        next += plan.ramdisk.pages;
    }
    if (plan.area[PLAN_P2M].pages) {
        assert_int_equal(plan.p2m.pfn, next);
        assert_int_equal(plan.p2m_tables.pfn, next + plan.p2m.pages);
        next = plan.p2m_tables.pfn + plan.p2m_tables.pages;
    }
    assert_true(next <= plan.nr_pages);
}

void check_plan(const struct image *img)
{
    check_order(img);
    assert_int_equal(plan.p2m.pages, (plan.nr_pages * 8 + PAGE_SIZE - 1) / PAGE_SIZE);
    assert_true(plan.page_tables.pages + plan.p2m_tables.pages <= TABLE_PAGES);
    fill_tables();
    check_no_empty_table();
    check_mapped(plan.kernel, true);
    check_mapped(plan.ramdisk, true);
    check_mapped(plan.p2m, true);
    check_mapped(plan.start_info, true);
    check_mapped(plan.xenstore, true);
    check_mapped(plan.console, true);
    check_mapped(plan.page_tables, false);
    check_mapped(plan.stack, true);
}
