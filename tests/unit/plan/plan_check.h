/* What holds for every plan. */
#ifndef TEST_PLAN_CHECK_H
#define TEST_PLAN_CHECK_H

#include "core/plan.h"

extern struct build_plan plan; /* the one that is looked at */

/* Its pieces are in the order of the contract; page tables filled as the builder does it map each
 * of them where it should be, are as many as planned, and none of them is empty. */
void check_plan(const struct image *img);

/* The pfn of the page table of that level (1 .. 4) on the way to the address, after check_plan. */
uint64_t table_of(unsigned level, uint64_t va);

#endif
