#include "core/run_queue.h"

static unsigned slot_of(uint64_t key, unsigned group)
{
    return key >> (RUN_SLOT_BITS + 4 * group) & (RUN_SLOTS - 1);
}

/* Keys are at most 16 slots before q->virtual, and 32 after it. */
static void find_first(struct run_queue *q)
{
    struct ready *first = NULL;

    for (uint64_t groups = q->groups; groups; groups &= groups - 1) {
        unsigned i = (unsigned)__builtin_ctzl(groups), oldest = slot_of(q->virtual, i) - 17;
        const struct run_group *g = &q->group[i];
        uint64_t from_oldest = g->slots >> (oldest & 63) | g->slots << (-oldest & 63);
        unsigned slot = (oldest + (unsigned)__builtin_ctzl(from_oldest)) & 63;
        struct ready *r = container_of(g->slot[slot].next, struct ready, link);

        if (!first || before(r->key, first->key))
            first = r;
    }
    WRITE_ONCE(q->first, first);
}

void run_queue_init(struct run_queue *q, uint64_t cpus)
{
    *q = (struct run_queue){.cpus = cpus};
    for (unsigned i = 0; i < RUN_GROUPS * RUN_SLOTS; i++)
        list_init(&q->group[i / RUN_SLOTS].slot[i % RUN_SLOTS]);
}

void ready_init(struct ready *r, uint64_t slice)
{
    *r = (struct ready){.group = (63 - (unsigned)__builtin_clzl(slice) - RUN_SLOT_BITS) / 4};
    list_init(&r->link);
}

void run_queue_add(struct run_queue *q, struct ready *r)
{
    unsigned slot = slot_of(r->key, r->group);
    struct run_group *g = &q->group[r->group];

    list_append(&g->slot[slot], &r->link);
    if (!q->first || (g->slot[slot].next == &r->link && before(r->key, q->first->key)))
        WRITE_ONCE(q->first, r);
    g->slots |= 1ul << slot;
    q->groups |= 1ul << r->group;
}

void run_queue_remove(struct run_queue *q, struct ready *r)
{
    unsigned slot = slot_of(r->key, r->group);
    struct run_group *g = &q->group[r->group];

    if (!is_queued(r))
        return;
    list_remove(&r->link);
    g->slots &= ~((uint64_t)list_empty(&g->slot[slot]) << slot);
    q->groups &= ~((uint64_t)!g->slots << r->group);
    if (r == q->first)
        find_first(q);
}
