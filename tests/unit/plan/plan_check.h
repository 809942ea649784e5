/* What holds for every plan. */
#ifndef TEST_PLAN_CHECK_H
#define TEST_PLAN_CHECK_H

#include "core/plan.h"

extern struct build_plan plan; /* the one that is looked at */

/* Its pieces are in the order of the contract; page tables filled as plan.h says map each of them
 * where it should be, and none of them is empty. */
void check_plan(const struct image *img);

#endif
