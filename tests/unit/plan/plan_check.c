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

/* As the builder does it; returns the pfn after that of the last table that this took. */
static uint64_t fill_tables(const struct plan_range *area, uint64_t next)
{
    const uint64_t last = area->virt + area->pages * PAGE_SIZE - 1;

    for (unsigned level = 4; level >= 1 && area->pages; level--) {
        const unsigned shift = 12 + 9 * (level - 1);

        for (uint64_t n = area->virt >> shift; n <= last >> shift; n++) {
            const uint64_t target = area->pfn + n - area->virt / PAGE_SIZE;
            struct entry *e = tables[0];

            for (unsigned above = 4; above > level; above--)
                e = table_at(e[(n << shift) >> (12 + 9 * (above - 1)) & 511].pfn);
            e += n & 511;
            assert_true(!e->present || level > 1);
            if (level == 1)
                *e = (struct entry){target, true,
                                    target - plan.page_tables.pfn >= plan.page_tables.pages};
            else if (!e->present)
                *e = (struct entry){next++, true, true};
        }
    }
    return next;
}

uint64_t table_of(unsigned level, uint64_t va)
{
    uint64_t frame = plan.page_tables.pfn;

    for (unsigned above = 4; above > level; above--) {
        const struct entry *e = &table_at(frame)[va >> (12 + 9 * (above - 1)) & 511];

        assert_true(e->present);
        frame = e->pfn;
    }
    return frame;
}

static void check_mapped(struct plan_range range, bool writable)
{
    if (range.virt == NO_ADDRESS)
        return;
    for (uint64_t i = 0; i < range.pages; i++) {
        const uint64_t va = range.virt + i * PAGE_SIZE;
        const struct entry *e = &table_at(table_of(1, va))[va / PAGE_SIZE % 512];

        assert_true(e->present);
        assert_int_equal(e->pfn, range.pfn + i);
        assert_int_equal(e->writable, writable);
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
    memset(tables, 0, (plan.page_tables.pages + plan.p2m_tables.pages) * sizeof(tables[0]));
    assert_int_equal(fill_tables(&plan.area[PLAN_BOOT], plan.page_tables.pfn + 1),
                     plan.page_tables.pfn + plan.page_tables.pages);
    assert_int_equal(fill_tables(&plan.area[PLAN_P2M], plan.p2m_tables.pfn),
                     plan.p2m_tables.pfn + plan.p2m_tables.pages);
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
