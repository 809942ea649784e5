/* What operations cost. Prints a line for each row: its name, a tab, and instructions (nanoseconds,
 * if the machine does not run with -icount shift=0) per operation, the guest's own part included.
 * Runs on Lamina, and on Xen as the first domain. A command line selects the rows whose name
 * contains it. */
#include "bench.h"

#define ROUNDS 200
#define TRIES  5

static struct lm_pool pool;

struct lm_pool *bench_pool(void)
{
    return &pool;
}

void *bench_page(void)
{
    void *page = lm_pool_take(&pool);

    lm_assert(page);
    return page;
}

/* The shortest of some tries: the others met a timer interrupt. */
static uint64_t shortest(const struct row *row, unsigned rounds)
{
    uint64_t best = ~0ul;

    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t ticks = lm_tsc();

        row->run(rounds);
        ticks = lm_tsc() - ticks;
        if (ticks < best)
            best = ticks;
    }
    return best;
}

static void measure(const struct row *row)
{
    uint64_t ticks;

    if (row->begin && !row->begin()) {
        printf("# %s: not on this hypervisor\n", row->name);
        return;
    }
    /* The difference of two lengths leaves out what begins and ends a run. */
    ticks = shortest(row, 2 * ROUNDS) - shortest(row, ROUNDS);
    if (row->end)
        row->end();
    ticks = (ticks * 10 / (ROUNDS * row->per_run) + 5) / 10;
    printf("%s\t%lu\n", row->name, ticks);
}

static void measure_all(const struct row *rows, const char *pattern)
{
    for (; rows->name; rows++)
        if (strstr(rows->name, pattern))
            measure(rows);
}

int main(void)
{
    const char *pattern = (const char *)lm_start_info->cmd_line;

    lm_pool_init(&pool);
    lm_timer_stop_periodic();
    measure_all(entry_rows, pattern);
    measure_all(memory_rows, pattern);
    return 0;
}
