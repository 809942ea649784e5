#include "core/timer.h"

#include "core/arch.h"
#include "core/sched.h"
#include "lib/spinlock.h"

/* A pairing heap: setting is O(1), taking the earliest O(log n) amortized. */
struct timer_queue {
    struct spinlock lock;
    struct timer *root;     /* the earliest; its sibling and back are NULL */
    struct timer *firing;   /* whose callback runs now */
    uint64_t programmed_ns; /* deadline given to the hardware; 0: none */
};

static struct timer_queue queues[MAX_CPUS];

/* While callbacks run, no deadline is earlier than this one: the hardware is programmed afterwards.
 */
#define PROGRAMMED_LATER 1u

static struct timer *meld(struct timer *a, struct timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->deadline_ns < a->deadline_ns) {
        struct timer *earlier = b;

        b = a;
        a = earlier;
    }
    b->sibling = a->child;
    if (b->sibling)
        b->sibling->back = b;
    b->back = a;
    a->child = b;
    return a;
}

/* Makes one heap of a list of heaps: melds them in pairs, then the pairs, from the last to the
 * first. */
static struct timer *meld_list(struct timer *first)
{
    struct timer *pairs = NULL, *all = NULL;

    while (first) {
        struct timer *a = first, *b = a->sibling, *pair;

        first = b ? b->sibling : NULL;
        a->sibling = a->back = NULL;
        if (b)
            b->sibling = b->back = NULL;
        pair = meld(a, b);
        pair->sibling = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct timer *next = pairs->sibling;

        pairs->sibling = NULL;
        all = meld(all, pairs);
        pairs = next;
    }
    return all;
}

static void take_out(struct timer_queue *q, struct timer *t)
{
    struct timer *rest = meld_list(t->child);

    if (t == q->root) {
        q->root = rest;
    } else {
        if (t->back->child == t)
            t->back->child = t->sibling;
        else
            t->back->sibling = t->sibling;
        if (t->sibling)
            t->sibling->back = t->back;
        q->root = meld(q->root, rest);
    }
    t->child = t->sibling = t->back = NULL;
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
    t->deadline_ns = MAX(deadline_ns, 1);
    q->root = meld(q->root, t);
    t->set = true;
    if (q->programmed_ns == 0 || t->deadline_ns < q->programmed_ns)
        program(q, t->deadline_ns);
    spin_unlock(&q->lock);
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
    uint64_t now = arch_now_ns();
    struct timer *t;

    spin_lock(&q->lock);
    q->programmed_ns = PROGRAMMED_LATER;
    while ((t = q->root) && t->deadline_ns <= now) {
        WRITE_ONCE(q->firing, t);
        take_out(q, t);
        spin_unlock(&q->lock);
        t->fire(t);
        spin_lock(&q->lock);
        WRITE_ONCE(q->firing, NULL);
    }
    program(q, q->root ? q->root->deadline_ns : 0);
    spin_unlock(&q->lock);
}
