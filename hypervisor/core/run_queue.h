/* The vCPUs that are ready, by virtual time; putting in and taking out cost the same however many
 * they are. They are in groups of those for whom a slice is about as long in virtual time, to a
 * factor of 16. A group has a ring of slots, each a sixteenth to a whole of their slices wide, and
 * in a slot they stand in line. So one who is first overtakes nobody of its group by more than a
 * slice of that one's, and of other groups nobody's first. */
#pragma once

#include "lib/list.h"

#define RUN_GROUPS    5 /* for weights of 1 .. 65535 */
#define RUN_SLOTS     64
#define RUN_SLOT_BITS 19 /* of the first group; no slice is shorter in virtual time */

struct ready {
    struct list link;
    uint64_t key; /* constant while it is in a queue; wraps */
    unsigned group;
};

struct run_queue {
    uint64_t cpus;
    struct ready *first; /* NULL: none */
    uint64_t virtual;    /* virtual time of the one furthest behind; never goes back */
    uint64_t weight;     /* of all that run or are ready */
    uint64_t served;     /* virtual time of the queue as a whole */
    uint64_t groups;     /* those with anyone in them */
    struct run_group {
        uint64_t slots; /* likewise */
        struct list slot[RUN_SLOTS];
    } group[RUN_GROUPS];
};

static inline bool before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

static inline bool is_queued(const struct ready *r)
{
    return !list_empty(&r->link);
}

void run_queue_init(struct run_queue *q, uint64_t cpus);
/* In no queue. slice: how long one is for it, in virtual time. */
void ready_init(struct ready *r, uint64_t slice);
/* The key is at most a slice before q->virtual, and at most two after it. */
void run_queue_add(struct run_queue *q, struct ready *r);
/* No effect on one that is in no queue. */
void run_queue_remove(struct run_queue *q, struct ready *r);
