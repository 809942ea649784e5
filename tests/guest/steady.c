/* A guest that goes on for half a second, mostly asleep, whatever happens to others. */
#include "check.h"

#define STEPS 10
#define MS    1000000ul

int main(void)
{
    uint64_t begin = lm_time_ns();

    for (unsigned i = 1; i <= STEPS; i++) {
        struct sched_poll poll = {.timeout = begin + i * 50 * MS};

        hypercall_sched_op(SCHEDOP_poll, &poll);
        check(lm_time_ns() >= poll.timeout, true, "step %u", i);
    }
    return check_done();
}
