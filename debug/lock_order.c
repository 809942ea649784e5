/* Spin locks are taken in the order of their ranks, and none is held where the CPU may have to wait
 * for another one or for a vCPU. The scheduler's is handed over from one vCPU to the next
 * (sched_resumed): what is held is the host CPU's. */
#include "core/arch.h"
#include "core/log.h"
#include "core/sched.h"
#include "lib/spinlock.h"

static const char *const names[NR_RANKS] = {
    [RANK_NONE] = "a lock without a rank",
    [RANK_GRANTS] = "grant_table.lock",
    [RANK_EVENTS] = "evtchn_lock",
    [RANK_CHANNEL] = "evtchn.lock",
    [RANK_EVENT_QUEUE] = "evtchn_queue.lock",
    [RANK_DOMAINS] = "the domain table's lock",
    [RANK_MUTEX] = "mutex.lock",
    [RANK_SCHED] = "the scheduler's lock",
    [RANK_TIMERS] = "timer_queue.lock",
    [RANK_FRAMES] = "paging_domain.lock",
    [RANK_ALLOC] = "the allocator's lock",
    [RANK_CONSOLE] = "the console's lock",
};

/* In the order in which they were taken, and so of their ranks. */
static struct held {
    const struct spinlock *lock[NR_RANKS + 1];
    unsigned count;
} cpu_holds[MAX_CPUS];

/* Whose lock this is to the reader of a panic. */
static const char *name_of(const struct spinlock *l)
{
    return l->rank < NR_RANKS ? names[l->rank] : "a lock with no such rank";
}

/* A panic's own locks are not checked: it says so with whatever is held. */
static void fail(struct held *h, const char *what, const char *while_holding)
{
    h->count = 0;
    panic("lock order: %s while holding %s", what, while_holding);
}

void lock_taken(const struct spinlock *l)
{
    struct held *h = &cpu_holds[arch_this_cpu()];

    if (l->rank == RANK_NONE || l->rank >= NR_RANKS)
        fail(h, name_of(l), "nothing that matters");
    if (h->count && l->rank <= h->lock[h->count - 1]->rank)
        fail(h, name_of(l), name_of(h->lock[h->count - 1]));
    if (h->count == NR_RANKS + 1)
        fail(h, name_of(l), "too many");
    h->lock[h->count++] = l;
}

void lock_released(const struct spinlock *l)
{
    struct held *h = &cpu_holds[arch_this_cpu()];
    unsigned i = 0;

    while (i < h->count && h->lock[i] != l)
        i++;
    if (i == h->count)
        return;
    for (h->count--; i < h->count; i++)
        h->lock[i] = h->lock[i + 1];
}

void lock_expect_none(const char *purpose)
{
    struct held *h = &cpu_holds[arch_this_cpu()];

    if (h->count)
        fail(h, purpose, name_of(h->lock[h->count - 1]));
}
