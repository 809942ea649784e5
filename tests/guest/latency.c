/* How long does the hypervisor keep an interrupt waiting at most? Counted in instructions: this
 * runs with --icount, where a nanosecond is one.
 *
 * The worker makes long hypercalls, and the watcher sleeps until a time that falls into one of
 * them. Job after job is repeated, and that time moved through it in small steps. */
#include "late.h"
#include "latency.h"

#define LIMIT   50000ul
#define STEP    2000ul /* at least */
#define SAMPLES 200    /* at most */
#define GONE    1000000000ul

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static char page[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static struct board *const board = (struct board *)page;

/* Gives way until the worker has ended so many runs, and returns how long that took. */
static uint64_t let_run(uint64_t runs)
{
    uint64_t begin = lm_time_ns(), end = board->runs + runs;

    while (board->runs < end) {
        lm_yield();
        if (lm_time_ns() - begin > GONE)
            lm_panic("%s: the worker does not come to an end", jobs[board->job].name);
    }
    return lm_time_ns() - begin;
}

static void watch(uint64_t job)
{
    uint64_t longest = 0, at = 0, length, step, waited;

    board->job = job;
    let_run(2); /* the last one of the job before may be among them */
    length = let_run(1);
    step = length / SAMPLES > STEP ? length / SAMPLES : STEP;
    for (uint64_t delay = step; delay < length; delay += step) {
        uint64_t late = woken_late(lm_time_ns() + delay, &waited);

        if (late > longest) {
            longest = late;
            at = delay;
        }
    }
    printf("%-48s %8lu %8lu %8lu\n", jobs[job].name, length, step, longest);
    check(longest + step < LIMIT, true, "%s: %lu at %lu", jobs[job].name, longest, at);
}

int main(void)
{
    struct lamina_wire wire = lm_wire_need("board", LAMINA_WIRE_shared_page);
    static struct lm_grants grants;
    struct lm_grant_mapping mapping;

    if (wire.role == LAMINA_WIRE_first) {
        lm_assert(lm_grants_init(&grants, grant_area, 1) == 0);
        lm_assert(lm_grant_access_at(&grants, wire.id, wire.peer, lm_virt_to_mfn(page), false) ==
                  0);
        printf("%-48s %8s %8s %8s\n", "instructions", "job", "step", "longest");
        for (uint64_t job = 0; jobs[job].name; job++)
            watch(job);
        board->job = NO_JOB;
        return check_done();
    }
    while (lm_grant_map(&mapping, wire.peer, wire.id, page, false) != 0)
        lm_yield(); /* until the watcher has granted it */
    for (uint64_t job, last = NO_JOB; (job = board->job) != NO_JOB; last = job) {
        if (job != last && jobs[job].begin)
            jobs[job].begin();
        jobs[job].run();
        board->runs++;
        lm_yield();
    }
    return 0;
}
