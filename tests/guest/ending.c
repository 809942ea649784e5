/* How long does the tear-down of a domain keep an interrupt waiting at most? As in latency.c, for
 * which this is the part that nobody survives: some guests, all the same, end one after the other,
 * at times that were agreed on. While one ends, each of those that are left sleeps until a moment
 * of its own within that, and sees how late it was woken. bootargs: "INDEX OF". */
#include "late.h"

#define LIMIT      50000ul
#define LENGTH     1400000ul /* more than a tear-down takes */
#define FIRST_TURN 400000000ul
#define TURN       10000000ul
#define SPREAD     37 /* shares no factor with the number of samples */
#define ENTRIES    512
#define L1S        12

static uint64_t *table_of(const void *page, unsigned count)
{
    uint64_t *table = check_page();

    for (unsigned i = 0; i < count; i++)
        table[i] = lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA);
    lm_assert(lm_protect(table, LM_PTE_DATA & ~LM_PTE_WRITE) == 0);
    return table;
}

/* Something to take apart: a tree of tables, and a table that names another 512 times; ports. */
static void accumulate(void)
{
    uint64_t *data = check_page(), *l2 = check_page(), *l3 = check_page();

    for (unsigned i = 0; i < L1S; i++)
        l2[i] = lm_pte(lm_virt_to_mfn(table_of(data, ENTRIES)), LM_PTE_TABLE);
    lm_protect(l2, LM_PTE_DATA & ~LM_PTE_WRITE);
    l3[0] = lm_pte(lm_virt_to_mfn(l2), LM_PTE_TABLE);
    l3[1] = lm_pte(lm_virt_to_mfn(table_of(table_of(data, ENTRIES), ENTRIES)), LM_PTE_TABLE);
    lm_protect(l3, LM_PTE_DATA & ~LM_PTE_WRITE);
    lm_assert(lm_pt_pin_root(table_of(l3, 1)) == 0);
    for (unsigned i = 0; i < 256; i++)
        lm_assert(lm_event_alloc(DOMID_SELF) > 0);
}

int main(void)
{
    char *rest;
    uint64_t self = strtoul((const char *)lm_start_info->cmd_line, &rest, 10);
    uint64_t guests = strtoul(rest + 1, NULL, 10), samples = guests * (guests - 1) / 2, number;
    uint64_t longest = 0, at = 0, busy_at = 0, waited;

    lm_timer_stop_periodic();
    accumulate();
    number = self - 1;
    for (uint64_t turn = 0; turn < self; turn++) {
        uint64_t delay = number * SPREAD % samples * LENGTH / samples;
        uint64_t late = woken_late(FIRST_TURN + turn * TURN + delay, &waited);

        number += guests - turn - 2;
        if (late > longest) {
            longest = late;
            at = delay;
        }
        if (waited > LENGTH / 20 && delay > busy_at)
            busy_at = delay;
    }
    printf("%lu tear-downs, at work after %lu: longest %lu, after %lu\n", self, busy_at, longest,
           at);
    check(longest + LENGTH / samples < LIMIT, true, "an interrupt waits %lu, after %lu", longest,
          at);
    check(busy_at < LENGTH * 9 / 10, true, "the tear-down is over after %lu", LENGTH);
    check_done();
    woken_late(FIRST_TURN + self * TURN, &waited);
    return 0;
}
