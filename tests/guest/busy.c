/* A guest that never sleeps, and goes on for half a second, whatever happens to others. */
#include "check.h"

#define LENGTH 500000000ul
#define LIMIT  1000000000ul /* of a wait for the CPU; generous, as machines can be slow */

int main(void)
{
    uint64_t begin = lm_time_ns(), last = begin, longest = 0;

    while (last - begin < LENGTH) {
        uint64_t now = lm_time_ns();

        if (now - last > longest)
            longest = now - last;
        last = now;
    }
    check(longest < LIMIT, true, "the CPU came back after %lu us at most", longest / 1000);
    return check_done();
}
