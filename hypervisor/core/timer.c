#include "core/timer.h"

#include "core/arch.h"
#include "core/sched.h"
#include "lib/spinlock.h"

struct timer_queue {
    struct spinlock lock;
    struct heap_node *first;
    struct timer *firing;   /* whose callback runs now */
    uint64_t slice_ns;      /* when the scheduler wants to look; UINT64_MAX: not */
    uint64_t programmed_ns; /* deadline given to the hardware; 0: none */
};

static struct timer_queue queues[MAX_CPUS] = {
    [0 ... MAX_CPUS - 1] = {.lock.rank = RANK_TIMERS, .slice_ns = UINT64_MAX}};

/* While callbacks run, no deadline is earlier than this one: the hardware is programmed afterwards.
 */
#define PROGRAMMED_LATER 1u

/* In one interrupt; the next one comes at once, but lets the scheduler in first. */
#define FIRED_AT_ONCE 16

/* In 146 years: a guest may name any time, and keys must be less than 2^63 apart. */
#define NEVER_NS (1ul << 62)

static void take_out(struct timer_queue *q, struct timer *t)
{
    heap_remove(&q->first, &t->node);
    __atomic_store_n(&t->set, false, __ATOMIC_RELEASE);
}

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
    *t = (struct timer){.fire = fire};
}

static void program(struct timer_queue *q, uint64_t deadline_ns)
{
    q->programmed_ns = deadline_ns;
    arch_set_timer(deadline_ns);
}

static void program_by(struct timer_queue *q, uint64_t deadline_ns)
{
    if (q->programmed_ns == 0 || deadline_ns < q->programmed_ns)
        program(q, deadline_ns);
}

void timer_set(struct timer *t, uint64_t deadline_ns)
{
    unsigned cpu = arch_this_cpu();
    struct timer_queue *q = &queues[cpu];

    if (timer_is_set(t) && t->cpu != cpu)
        timer_cancel(t);

    spin_lock(&q->lock);
    if (t->set)
        take_out(q, t);
    t->cpu = cpu;
    t->node.key = MIN(MAX(deadline_ns, 1), NEVER_NS);
    heap_insert(&q->first, &t->node);
    t->set = true;
    program_by(q, t->node.key);
    spin_unlock(&q->lock);
}

void timer_set_slice(uint64_t deadline_ns)
{
    struct timer_queue *q = &queues[arch_this_cpu()];

    q->slice_ns = deadline_ns;
    if (deadline_ns != UINT64_MAX)
        program_by(q, deadline_ns);
}

void timer_cancel(struct timer *t)
{
    for (;;) {
        unsigned cpu = READ_ONCE(t->cpu);
        struct timer_queue *q = &queues[cpu];
        bool firing;

        if (!__atomic_load_n(&t->set, __ATOMIC_ACQUIRE) && READ_ONCE(q->firing) != t)
            return;
        spin_lock(&q->lock);
        /* The hardware keeps its deadline: a needless interrupt costs less than programming it. */
        if (t->set && t->cpu == cpu)
            take_out(q, t);
        firing = q->firing == t;
        spin_unlock(&q->lock);
        if (firing && cpu == arch_this_cpu())
            return;
    }
}

void timer_interrupt(void)
{
    struct timer_queue *q = &queues[arch_this_cpu()];
    uint64_t now = arch_now_ns(), next;

    q->programmed_ns = PROGRAMMED_LATER;
    if (q->slice_ns <= now)
        sched_look();
    spin_lock(&q->lock);
    for (unsigned i = 0; i < FIRED_AT_ONCE && q->first && q->first->key <= now; i++) {
        struct timer *t = container_of(q->first, struct timer, node);

        WRITE_ONCE(q->firing, t);
        take_out(q, t);
        spin_unlock(&q->lock);
        t->fire(t);
        spin_lock(&q->lock);
        WRITE_ONCE(q->firing, NULL);
    }
    next = q->first ? MIN(q->first->key, q->slice_ns) : q->slice_ns;
    program(q, next == UINT64_MAX ? 0 : next);
    spin_unlock(&q->lock);
}
