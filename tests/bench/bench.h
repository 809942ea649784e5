/* Rows of the bench guest. */
#ifndef BENCH_H
#define BENCH_H

#include <lamina/guest.h>

struct row {
    const char *name;    /* as in budgets.tsv */
    unsigned per_run;    /* operations in a round of `run`; 1 if 0 */
    bool (*begin)(void); /* false: this hypervisor does not have it. May be NULL */
    void (*run)(unsigned rounds);
    void (*end)(void); /* may be NULL */
};

extern const struct row entry_rows[], memory_rows[]; /* each ends at a row without a name */

/* Repeats the statement, with two instructions of the loop's own. */
#define REPEAT(rounds, statement)                             \
    do {                                                      \
        for (unsigned left_ = (rounds); left_ > 0; left_--) { \
            statement;                                        \
            __asm__ volatile("");                             \
        }                                                     \
    } while (0)

/* A zeroed page. */
void *bench_page(void);
struct lm_pool *bench_pool(void);

#endif
