#include "core/sched.h"

#include "core/domain.h"
#include "core/log.h"
#include "lib/string.h"

/* Proportional share. A vCPU's virtual time is the CPU time that it took, divided by its domain's
 * weight; the one that is furthest behind runs. One that slept comes back at most a slice behind
 * the others: it is soon first, but cannot save up. A vCPU whose domain has used up its cap is
 * runnable, but in no queue.
 *
 * There is a queue for each set of host CPUs that a domain may run on, mostly one for all:
 * whichever of these CPUs is free takes the first from it, so none idles while one of its vCPUs
 * waits. Where sets overlap, a CPU serves the queue whose vCPUs had the least time for their
 * weights.
 *
 * One lock guards all of it. It is held until the stack of the vCPU that is switched from has been
 * left (sched_resumed), so whatever is in a queue can be run anywhere. */
struct host_cpu {
    struct vcpu *running, *idle;
    uint64_t charged_ns; /* up to here time was charged to those who ran */
};

static struct spinlock lock = {.rank = RANK_SCHED};
static struct run_queue queues[SCHED_SETS_MAX];
static unsigned nr_queues;
static struct host_cpu cpus[MAX_CPUS];
static uint64_t idle_cpus;  /* look at nothing before an interrupt comes (atomic) */
static uint64_t timed_cpus; /* look at who is next by themselves, in time */
static uint64_t online;
unsigned operations_suspended;

/* In units so small that no time is free. One who runs for longer than 2^40 ns has nobody beside;
 * the limit keeps virtual times less than 2^63 apart. */
static uint64_t virtual_time(uint64_t weight, uint64_t ns)
{
    return (MIN(ns, 1ul << 40) << 16) / weight + 1;
}

/* The queue that the CPU serves next; NULL: nobody is ready for it. */
static struct run_queue *next_queue(unsigned cpu)
{
    struct run_queue *first = NULL;

    for (struct run_queue *q = queues; q < queues + READ_ONCE(nr_queues); q++)
        if (q->cpus >> cpu & 1 && READ_ONCE(q->first) &&
            (!first || before(q->served, first->served)))
            first = q;
    return first;
}

/* A queue whose vCPUs slept, or were alone on their CPUs, does not save up what others had. */
static void catch_up(struct run_queue *q, unsigned cpu)
{
    for (const struct run_queue *other = queues; other < queues + nr_queues; other++) {
        uint64_t lag = virtual_time(MAX(MIN(q->weight, other->weight), 1), 2 * SCHED_SLICE_NS);

        if (other->cpus >> cpu & 1 && other->first && before(q->served, other->served - lag))
            q->served = other->served - lag;
    }
}

/* The domain pays for its time at the rate of its cap, in advance for a window at most. */
static void charge_cap(struct domain *d, uint64_t ran, uint64_t now)
{
    struct sched_domain *s = &d->sched;

    s->paid_ns = MAX(s->paid_ns + SCHED_WINDOW_NS, now - ran) - SCHED_WINDOW_NS;
    s->paid_ns += ran * 100 / s->cap;
    if (s->used_up || s->paid_ns < now)
        return;
    s->used_up = true;
    timer_set(&s->refill, s->paid_ns + SCHED_WINDOW_NS);
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        run_queue_remove(s->queue, &d->vcpu[i]->sched.ready);
}

/* Charges whom the CPU runs. */
static void charge(struct host_cpu *c, uint64_t now)
{
    const struct vcpu *v = c->running;
    struct ready *first = &c->running->sched.ready;
    struct run_queue *q = v->domain->sched.queue;
    uint64_t ran = MAX(now, c->charged_ns) - c->charged_ns;

    c->charged_ns += ran;
    if (v->idle || !ran)
        return;
    first->key += virtual_time(v->domain->sched.weight, ran);
    q->served += virtual_time(MAX(q->weight, v->domain->sched.weight), ran); /* it may sleep now */
    if (v->domain->sched.cap)
        charge_cap(v->domain, ran, now);
    if (q->first && before(q->first->key, first->key))
        first = q->first;
    if (before(q->virtual, first->key))
        q->virtual = first->key;
}

/* The vCPU has become runnable. */
static void add(struct vcpu *v)
{
    struct run_queue *q = v->domain->sched.queue;
    struct ready *r = &v->sched.ready;
    int64_t slice = (int64_t)virtual_time(v->domain->sched.weight, SCHED_SLICE_NS);
    int64_t ahead = (int64_t)(r->key - q->virtual);

    if (v->domain->sched.used_up || is_queued(r))
        return;
    /* Nobody is really two slices ahead: that is from so long ago that it wrapped. */
    r->key = q->virtual + (uint64_t)MAX(-slice, MIN(ahead, 2 * slice));
    run_queue_add(q, r);
}

/* Whether the queue's first comes before the one who runs. */
static bool is_before(const struct run_queue *q, const struct vcpu *running)
{
    if (q == running->domain->sched.queue)
        return before(q->first->key, running->sched.ready.key);
    return before(q->served, running->domain->sched.queue->served);
}

/* On the CPU itself: sets when it looks at who is next, if anything can come of that. */
static void set_slice(struct host_cpu *c, uint64_t now)
{
    const struct sched_vcpu *v = &c->running->sched;
    const struct sched_domain *d = &c->running->domain->sched;
    const unsigned cpu = arch_this_cpu(), nr = c->running->domain->nr_vcpus;
    const struct run_queue *next = next_queue(cpu);
    uint64_t end = UINT64_MAX;
    int64_t left;

    timed_cpus &= ~(1ul << cpu); /* unless by the end of a cap, which may be far */
    if (next && c->running->idle) {
        end = now;
    } else if (next) {
        end = v->since_ns + (is_before(next, c->running) ? SCHED_MIN_RUN_NS : SCHED_SLICE_NS);
        timed_cpus |= 1ul << cpu;
    }
    if (d->cap) {
        for (uint64_t on = d->queue->cpus; on; on &= on - 1) /* all that run use it up together */
            if (cpus[__builtin_ctzl(on)].running->domain == c->running->domain)
                charge(&cpus[__builtin_ctzl(on)], now);
        left =
            MIN((int64_t)(now - d->paid_ns), (int64_t)SCHED_WINDOW_NS) * d->cap / 100 / MAX(nr, 1u);
        end = MIN(end, now + (uint64_t)MAX(left, (int64_t)SCHED_MIN_RUN_NS));
    }
    if (end <= now || d->used_up) {
        __atomic_fetch_or(&c->running->work, WORK_RESCHED, __ATOMIC_SEQ_CST);
        end = UINT64_MAX;
    }
    timer_set_slice(end);
}

void sched_look(void)
{
    struct host_cpu *c = &cpus[arch_this_cpu()];
    uint64_t now;

    spin_lock(&lock);
    now = arch_now_ns();
    charge(c, now);
    set_slice(c, now);
    spin_unlock(&lock);
}

/* The queue's first is ready: an idle CPU takes it, best the one given, or else those look that
 * would not do so in time. */
static void tell_cpus(const struct run_queue *q, unsigned cpu, uint64_t now)
{
    unsigned here = arch_this_cpu();
    uint64_t told = q->cpus & ~READ_ONCE(timed_cpus), idle;

    if (!q->first)
        return;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the queue, before the look; sched_idle conversely */
    idle = READ_ONCE(idle_cpus) & q->cpus;
    if (idle) {
        if (!(idle >> cpu & 1))
            cpu = idle >> here & 1 ? here : (unsigned)__builtin_ctzl(idle);
        __atomic_fetch_and(&idle_cpus, ~(1ul << cpu), __ATOMIC_SEQ_CST);
        told = 1ul << cpu;
    } else {
        for (uint64_t left = q->cpus; left && !idle; left &= left - 1) {
            cpu = (unsigned)__builtin_ctzl(left);
            charge(&cpus[cpu], now);
            if (!q->first)
                return;                                              /* a cap was used up */
            idle = (uint64_t)is_before(q, cpus[cpu].running) << cpu; /* it is to give way */
        }
        told |= idle;
    }
    for (; told; told &= told - 1) {
        cpu = (unsigned)__builtin_ctzl(told);
        if (cpu != here) {
            arch_kick_cpu(cpu);
            continue;
        }
        charge(&cpus[here], now);
        set_slice(&cpus[here], now);
    }
}

static void enter_state(struct vcpu *v, enum run_state state, uint64_t now)
{
    struct sched_vcpu *s = &v->sched;
    struct sched_domain *d = &v->domain->sched;

    now = MAX(now, s->since_ns); /* another CPU's clock may be behind by a little */
    s->time_ns[s->state] += now - s->since_ns;
    s->since_ns = now;
    d->queue->weight +=
        d->weight * ((uint64_t)(state <= STATE_RUNNABLE) - (s->state <= STATE_RUNNABLE));
    /* Before the look at its work on the way out; who notices it does the converse. */
    __atomic_store_n(&s->state, (uint8_t)state, __ATOMIC_SEQ_CST);
}

void sched_init_cpu(unsigned cpu, struct vcpu *idle)
{
    if (cpu == 0) /* the first */
        online = timed_cpus = nr_queues = 0;
    idle->domain->sched.queue = &queues[0];
    idle->sched =
        (struct sched_vcpu){.cpu = cpu, .state = STATE_RUNNING, .since_ns = arch_now_ns()};
    cpus[cpu] = (struct host_cpu){.running = idle, .idle = idle, .charged_ns = arch_now_ns()};
    __atomic_fetch_or(&online, 1ul << cpu, __ATOMIC_SEQ_CST);
}

void sched_init_vcpu(struct vcpu *v)
{
    v->sched = (struct sched_vcpu){.cpu = (unsigned)__builtin_ctzl(v->domain->sched.queue->cpus),
                                   .state = STATE_OFFLINE,
                                   .since_ns = arch_now_ns()};
    ready_init(&v->sched.ready, virtual_time(v->domain->sched.weight, SCHED_SLICE_NS));
}

static void make_ready(struct vcpu *v, enum run_state from)
{
    uint64_t now;

    /* Orders the caller's condition before our look at the state; sched_block does the converse. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (READ_ONCE(v->sched.state) != from)
        return;
    spin_lock(&lock);
    if (v->sched.state == from && !v->sched.parked) {
        now = arch_now_ns();
        if (cpus[v->sched.cpu].running == v) {
            enter_state(v, STATE_RUNNING, now); /* it has not left its stack: it need not */
        } else {
            enter_state(v, STATE_RUNNABLE, now);
            charge(&cpus[v->sched.cpu], now);
            add(v);
            tell_cpus(v->domain->sched.queue, v->sched.cpu, now);
        }
    }
    spin_unlock(&lock);
}

void sched_wake(struct vcpu *v)
{
    make_ready(v, STATE_BLOCKED);
}

void sched_notice(struct vcpu *v)
{
    if (READ_ONCE(v->sched.state) == STATE_RUNNING)
        arch_kick_vcpu(v);
    else
        sched_wake(v);
}

void sched_start(struct vcpu *v)
{
    make_ready(v, STATE_OFFLINE);
}

static void refill(struct timer *t)
{
    struct domain *d = container_of(t, struct domain, sched.refill);

    spin_lock(&lock); /* who has become runnable sees it, or is seen below */
    d->sched.used_up = false;
    spin_unlock(&lock);
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        make_ready(d->vcpu[i], STATE_RUNNABLE);
}

bool sched_init_domain(struct domain *d, uint32_t weight, uint32_t cap, uint64_t may_run_on)
{
    unsigned i = 0;

    may_run_on &= online;
    while (i < nr_queues && queues[i].cpus != may_run_on)
        i++;
    if (i == SCHED_SETS_MAX || !may_run_on) {
        log_line(
            "/domains/%s: cpus: expected one that is there, of 0 .. %u, and with other domains "
            "at most %u different sets",
            d->name, 63 - (unsigned)__builtin_clzl(online), SCHED_SETS_MAX);
        return false;
    }
    if (i == nr_queues)
        run_queue_init(&queues[nr_queues++], may_run_on);
    d->sched = (struct sched_domain){.weight = weight, .cap = cap, .queue = &queues[i]};
    timer_init(&d->sched.refill, refill);
    return true;
}

struct vcpu_runstate_info sched_runstate(const struct vcpu *v, uint64_t now_ns)
{
    const struct sched_vcpu *s = &v->sched;
    struct vcpu_runstate_info info;

    spin_lock(&lock);
    info = (struct vcpu_runstate_info){.state = s->state, .state_entry_time = s->since_ns};
    memcpy(info.time, s->time_ns, sizeof(info.time));
    spin_unlock(&lock);
    info.time[info.state] += MAX(now_ns, info.state_entry_time) - info.state_entry_time;
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
    unsigned cpu = arch_this_cpu();
    struct host_cpu *c = &cpus[cpu];
    struct run_queue *q;
    uint64_t now, behind = prev->sched.ready.key;

    __atomic_fetch_and(&prev->work, ~WORK_RESCHED, __ATOMIC_SEQ_CST);
    if (prev->sched.state == STATE_RUNNING && !next_queue(cpu) && !prev->domain->sched.cap &&
        !prev->periodic_ns)
        return;
    /* Even if it has none any more: two CPUs must never come to set it. */
    if (unlikely(timer_is_set(&prev->periodic)))
        timer_cancel(&prev->periodic);

    spin_lock(&lock);
    now = arch_now_ns();
    charge(c, now);
    if (prev->sched.state == STATE_RUNNING) {
        enter_state(prev, STATE_RUNNABLE, now);
        q = prev->domain->sched.queue;
        if (yield && q->first)
            behind = q->first->key + virtual_time(prev->domain->sched.weight, SCHED_SLICE_NS);
        if (before(prev->sched.ready.key, behind))
            prev->sched.ready.key = behind;
        if (!prev->idle)
            add(prev);
    }
    q = next_queue(cpu);
    next = c->idle;
    if (q) {
        catch_up(q, cpu);
        next = container_of(q->first, struct vcpu, sched.ready);
        run_queue_remove(q, q->first);
    }
    enter_state(next, STATE_RUNNING, now);
    next->sched.cpu = cpu;
    c->running = next;
    set_slice(c, now);
    for (q = queues; q < queues + nr_queues; q++) /* others may run whom this one leaves */
        if (q->cpus >> cpu & 1)
            tell_cpus(q, cpu, now);
    if (next != prev)
        arch_switch(prev, next);
    sched_resumed();
}

void sched_resumed(void)
{
    struct vcpu *v = current;

    spin_unlock(&lock);
    if (unlikely(v->periodic_ns))
        v->periodic.fire(&v->periodic);
    if (v->runstate_area.addr)
        sched_write_runstate(v);
}

void schedule(void)
{
    switch_to_next(false);
}

void sched_give_way(void)
{
    if (next_queue(arch_this_cpu()))
        switch_to_next(true);
}

static void change_state(struct vcpu *v, enum run_state state)
{
    spin_lock(&lock);
    enter_state(v, state, arch_now_ns());
    spin_unlock(&lock);
}

void sched_block(enum run_state state, bool (*ready)(struct vcpu *v, const void *arg),
                 const void *arg)
{
    struct vcpu *v = current;

    ASSERT(!v->idle);
    lock_expect_none("sched_block");
    change_state(v, state);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (ready && ready(v, arg))
        change_state(v, STATE_RUNNING); /* as a waker may have done */
    else
        schedule();
}

void sched_park(void)
{
    struct vcpu *v = current;

    v->sched.parked = true; /* before others can see it offline */
    change_state(v, STATE_OFFLINE);
    schedule();
    panic("vCPU %u of %s runs after it was parked", v->id, v->domain->name);
}

bool sched_is_off(const struct vcpu *v)
{
    bool off;

    spin_lock(&lock);
    off = v->sched.state == STATE_OFFLINE && cpus[v->sched.cpu].running != v;
    spin_unlock(&lock);
    return off;
}

void sched_idle(void)
{
    const unsigned cpu = arch_this_cpu();

    for (;;) {
        domain_reap();
        __atomic_fetch_or(&idle_cpus, 1ul << cpu, __ATOMIC_SEQ_CST);
        if (!next_queue(cpu))
            arch_wait_for_interrupt();
        __atomic_fetch_and(&idle_cpus, ~(1ul << cpu), __ATOMIC_SEQ_CST);
        schedule();
    }
}

void cond_resched(void)
{
    lock_expect_none("cond_resched");
    __atomic_fetch_add(&operations_suspended, 1, __ATOMIC_RELAXED);
    arch_poll_interrupts();
    if (READ_ONCE(current->work) & WORK_RESCHED)
        schedule();
    __atomic_fetch_sub(&operations_suspended, 1, __ATOMIC_RELAXED);
}
