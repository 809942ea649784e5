#include "core/timer.h"

#include "core/arch.h"
#include "core/sched.h"
#include "lib/spinlock.h"

/* A skew heap: setting and taking out are O(log n) amortized. */
struct timer_queue {
    struct spinlock lock;
    struct timer *root;     /* the earliest; its parent is NULL */
    struct timer *firing;   /* whose callback runs now */
    uint64_t programmed_ns; /* deadline given to the hardware; 0: none */
};

static struct timer_queue queues[MAX_CPUS];

/* While callbacks run, no deadline is earlier than this one: the hardware is programmed afterwards.
 */
#define PROGRAMMED_LATER 1u

/* Follows the right children of both, the earlier one first, and swaps the children on the way:
 * what has grown on the right becomes the left. */
static struct timer *meld(struct timer *a, struct timer *b)
{
    struct timer *root = NULL, *parent = NULL, **link = &root;

    while (a && b) {
        struct timer *first = b->deadline_ns < a->deadline_ns ? b : a;

        b = first == b ? a : b;
        a = first->right;
        first->right = first->left;
        first->parent = parent;
        *link = parent = first;
        link = &first->left;
    }
    *link = a ? a : b;
    if (*link)
        (*link)->parent = parent;
    return root;
}

static void take_out(struct timer_queue *q, struct timer *t)
{
    struct timer *parent = t->parent, *rest = meld(t->left, t->right);

    if (rest)
        rest->parent = parent;
    if (!parent)
        q->root = rest;
    else if (parent->left == t)
        parent->left = rest;
    else
        parent->right = rest;
    t->left = t->right = t->parent = NULL;
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
