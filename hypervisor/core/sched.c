#include "core/sched.h"

#include "core/domain.h"
#include "core/log.h"
#include "lib/string.h"

/* Proportional share. A vCPU's virtual time is the CPU time that it took, divided by its domain's
 * weight; the one that is furthest behind runs. One that slept comes back at most a slice behind
 * the others: it is soon first, but cannot save up. A vCPU whose domain has used up its cap is
 * runnable, but in no queue.
 *
 * Each vCPU belongs to one host CPU, whose interrupts are off while it switches: nobody else can
 * run a vCPU between its entering the queue and its stack being left. One that moves to another
 * queue will have to take along how far it is ahead of run_queue.virtual. */
struct run_queue {
    struct spinlock lock;
    struct heap_node *ready; /* vCPUs by virtual time */
    struct vcpu *running;    /* not among them, unless it blocks just now and was woken */
    struct vcpu *idle;
    uint64_t virtual;    /* that of the one furthest behind; never goes back */
    uint64_t charged_ns; /* up to here time was charged to those who ran */
    struct timer slice;  /* set only while someone else is ready, or the running one has a cap */
};

static struct run_queue queues[MAX_CPUS];
unsigned operations_suspended;

/* In units so small that no time is free. One who runs for longer than 2^40 ns has nobody beside;
 * the limit keeps virtual times less than 2^63 apart. */
static uint64_t virtual_time(const struct vcpu *v, uint64_t ns)
{
    return (MIN(ns, 1ul << 40) << 16) / v->domain->sched.weight + 1;
}

/* The domain pays for its time at the rate of its cap, in advance for a window at most. */
static void charge_cap(struct run_queue *q, struct domain *d, uint64_t ran, uint64_t now)
{
    struct sched_domain *s = &d->sched;

    s->paid_ns = MAX(s->paid_ns + SCHED_WINDOW_NS, now - ran) - SCHED_WINDOW_NS;
    s->paid_ns += ran * 100 / s->cap;
    if (s->used_up || s->paid_ns < now)
        return;
    s->used_up = true;
    timer_set(&s->refill, s->paid_ns + SCHED_WINDOW_NS);
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        heap_remove(&q->ready, &d->vcpu[i]->sched.ready);
}

/* Charges the running vCPU. */
static void charge(struct run_queue *q, uint64_t now)
{
    const struct vcpu *v = q->running;
    struct heap_node *first = &q->running->sched.ready;
    uint64_t ran = now - q->charged_ns;

    q->charged_ns = now;
    if (v->idle || first->rank)
        return;
    first->key += virtual_time(v, ran);
    if (v->domain->sched.cap)
        charge_cap(q, v->domain, ran, now);
    if (q->ready && heap_before(q->ready, first))
        first = q->ready;
    if ((int64_t)(first->key - q->virtual) > 0)
        q->virtual = first->key;
}

/* The vCPU has become runnable. */
static void add(struct run_queue *q, struct vcpu *v)
{
    struct heap_node *n = &v->sched.ready;
    int64_t slice = (int64_t)virtual_time(v, SCHED_SLICE_NS);
    int64_t ahead = (int64_t)(n->key - q->virtual);

    if (v->domain->sched.used_up || n->rank)
        return;
    /* Nobody is really two slices ahead: that is from so long ago that it wrapped. */
    n->key = q->virtual + (uint64_t)MAX(-slice, MIN(ahead, 2 * slice));
    heap_insert(&q->ready, n);
}

static void slice_over(struct timer *t)
{
    (void)t;
    __atomic_fetch_or(&current->work, WORK_RESCHED, __ATOMIC_SEQ_CST);
}

/* On the queue's own CPU, charged, after someone was added or began to run. */
static void set_slice(struct run_queue *q, uint64_t now)
{
    const struct sched_vcpu *v = &q->running->sched;
    const struct sched_domain *d = &q->running->domain->sched;
    uint64_t end = UINT64_MAX;
    int64_t left = MIN((int64_t)(now - d->paid_ns), (int64_t)SCHED_WINDOW_NS) * d->cap / 100;

    if (q->ready && !q->running->idle)
        end = v->since_ns + (heap_before(q->ready, &v->ready) ? SCHED_MIN_RUN_NS : SCHED_SLICE_NS);
    if (d->cap)
        end = MIN(end, now + (uint64_t)MAX(left, (int64_t)SCHED_MIN_RUN_NS));
    if (end <= now || d->used_up)
        slice_over(&q->slice);
    else if (end != UINT64_MAX)
        timer_set(&q->slice, end);
    else
        timer_cancel(&q->slice);
}

static void enter_state(struct vcpu *v, enum run_state state, uint64_t now)
{
    struct sched_vcpu *s = &v->sched;

    s->time_ns[s->state] += now - s->since_ns;
    s->since_ns = now;
    WRITE_ONCE(s->state, (uint8_t)state);
}

void sched_init_cpu(unsigned cpu, struct vcpu *idle)
{
    sched_init_vcpu(idle, cpu);
    idle->sched.state = STATE_RUNNING;
    queues[cpu] = (struct run_queue){.running = idle, .idle = idle, .charged_ns = arch_now_ns()};
    timer_init(&queues[cpu].slice, slice_over);
}

void sched_init_vcpu(struct vcpu *v, unsigned cpu)
{
    v->sched = (struct sched_vcpu){.cpu = cpu, .state = STATE_OFFLINE, .since_ns = arch_now_ns()};
}

/* Makes sure that the one who runs there will give way in time. */
static void make_ready(struct vcpu *v, enum run_state from)
{
    struct run_queue *q = &queues[v->sched.cpu];
    uint64_t now;

    /* Orders the caller's condition before our look at the state; sched_block does the converse. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (READ_ONCE(v->sched.state) != from)
        return;
    spin_lock(&q->lock);
    if (v->sched.state == from && !v->sched.parked) {
        now = arch_now_ns();
        enter_state(v, STATE_RUNNABLE, now);
        charge(q, now);
        add(q, v);
        if (v->sched.cpu != arch_this_cpu())
            arch_kick_cpu(v->sched.cpu);
        else
            set_slice(q, now);
    }
    spin_unlock(&q->lock);
}

void sched_wake(struct vcpu *v)
{
    make_ready(v, STATE_BLOCKED);
}

void sched_start(struct vcpu *v)
{
    make_ready(v, STATE_OFFLINE);
}

static void refill(struct timer *t)
{
    struct domain *d = container_of(t, struct domain, sched.refill);

    d->sched.used_up = false;
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        make_ready(d->vcpu[i], STATE_RUNNABLE);
}

void sched_init_domain(struct domain *d, uint32_t weight, uint32_t cap)
{
    d->sched = (struct sched_domain){.weight = weight, .cap = cap};
    timer_init(&d->sched.refill, refill);
}

void sched_kicked(void)
{
    struct run_queue *q = &queues[current->sched.cpu];

    spin_lock(&q->lock);
    set_slice(q, arch_now_ns());
    spin_unlock(&q->lock);
}

struct vcpu_runstate_info sched_runstate(const struct vcpu *v, uint64_t now_ns)
{
    const struct sched_vcpu *s = &v->sched;
    struct vcpu_runstate_info info = {.state = s->state, .state_entry_time = s->since_ns};

    memcpy(info.time, s->time_ns, sizeof(info.time));
    info.time[info.state] += now_ns - s->since_ns;
    return info;
}

void sched_write_runstate(struct vcpu *v)
{
    struct vcpu_runstate_info info = sched_runstate(v, v->sched.since_ns);
    guest_ptr_t area = v->runstate_area;
    guest_ptr_t stamp = guest_ptr_at(area, offsetof(struct vcpu_runstate_info, state_entry_time));
    uint64_t since = info.state_entry_time, mark = 0;

    if (v->domain->vm_assist & 1ul << VMASST_TYPE_runstate_update_flag)
        mark = XEN_RUNSTATE_UPDATE;
    /* The guest's other vCPUs tell by the mark that the rest is being changed. */
    info.state_entry_time |= mark;
    v->sched.runstate_stale =
        (mark && !copy_to_guest(stamp, &info.state_entry_time, sizeof(uint64_t))) ||
        !copy_to_guest(area, &info, sizeof(info)) ||
        (mark && !copy_to_guest(stamp, &since, sizeof(since)));
}

/* One who yields does so to everyone who is less than a slice behind the first. */
static void switch_to_next(bool yield)
{
    struct vcpu *prev = current, *next;
    struct run_queue *q = &queues[prev->sched.cpu];
    uint64_t now, behind = prev->sched.ready.key;

    __atomic_fetch_and(&prev->work, ~WORK_RESCHED, __ATOMIC_SEQ_CST);
    if (prev->sched.state == STATE_RUNNING && !q->ready && !prev->domain->sched.cap)
        return;

    spin_lock(&q->lock);
    now = arch_now_ns();
    charge(q, now);
    if (prev->sched.state == STATE_RUNNING) {
        enter_state(prev, STATE_RUNNABLE, now);
        if (yield && q->ready)
            behind = q->ready->key + virtual_time(prev, SCHED_SLICE_NS);
        if ((int64_t)(behind - prev->sched.ready.key) > 0)
            prev->sched.ready.key = behind;
        if (!prev->idle)
            add(q, prev);
    }
    next = q->ready ? container_of(q->ready, struct vcpu, sched.ready) : q->idle;
    heap_remove(&q->ready, &next->sched.ready);
    enter_state(next, STATE_RUNNING, now);
    q->running = next;
    set_slice(q, now);
    spin_unlock(&q->lock);

    if (next != prev) {
        if (unlikely(prev->periodic_ns))
            timer_cancel(&prev->periodic);
        if (unlikely(next->periodic_ns))
            next->periodic.fire(&next->periodic);
        arch_switch(prev, next);
    }
    if (prev->runstate_area.addr)
        sched_write_runstate(prev);
}

void schedule(void)
{
    switch_to_next(false);
}

void sched_give_way(void)
{
    if (queues[current->sched.cpu].ready)
        switch_to_next(true);
}

void sched_block(enum run_state state, bool (*ready)(struct vcpu *v, const void *arg),
                 const void *arg)
{
    struct vcpu *v = current;
    struct run_queue *q = &queues[v->sched.cpu];

    ASSERT(!v->idle);
    spin_lock(&q->lock);
    enter_state(v, state, arch_now_ns());
    spin_unlock(&q->lock);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);

    if (ready && ready(v, arg)) {
        spin_lock(&q->lock);
        heap_remove(&q->ready, &v->sched.ready); /* it is in if someone woke it meanwhile */
        enter_state(v, STATE_RUNNING, arch_now_ns());
        spin_unlock(&q->lock);
    } else {
        schedule();
    }
}

void sched_park(void)
{
    struct vcpu *v = current;
    struct run_queue *q = &queues[v->sched.cpu];

    spin_lock(&q->lock);
    v->sched.parked = true;
    enter_state(v, STATE_OFFLINE, arch_now_ns());
    spin_unlock(&q->lock);
    schedule();
    panic("vCPU %u of %s runs after it was parked", v->id, v->domain->name);
}

bool sched_is_off(const struct vcpu *v)
{
    const struct run_queue *q = &queues[v->sched.cpu];

    return READ_ONCE(v->sched.state) == STATE_OFFLINE && READ_ONCE(q->running) != v;
}

void sched_idle(void)
{
    const struct run_queue *q = &queues[current->sched.cpu];

    for (;;) {
        if (!q->ready)
            arch_wait_for_interrupt();
        schedule();
    }
}

void cond_resched(void)
{
    arch_poll_interrupts();
    if (READ_ONCE(current->work) & WORK_RESCHED) {
        __atomic_fetch_add(&operations_suspended, 1, __ATOMIC_RELAXED);
        schedule();
        __atomic_fetch_sub(&operations_suspended, 1, __ATOMIC_RELAXED);
    }
}
