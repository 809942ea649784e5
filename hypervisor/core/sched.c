#include "core/sched.h"

#include "core/domain.h"
#include "core/log.h"
#include "lib/string.h"

/* Round robin. Each vCPU belongs to one host CPU, whose interrupts are off while it switches:
 * nobody else can run a vCPU between its entering the queue and its stack being left. */
struct run_queue {
    struct spinlock lock;
    struct list ready;
    struct vcpu *running;
    struct vcpu *idle;
    struct timer slice; /* set only while someone else is ready */
};

static struct run_queue queues[MAX_CPUS];
unsigned operations_suspended;

static void slice_over(struct timer *t)
{
    (void)t;
    __atomic_fetch_or(&current->work, WORK_RESCHED, __ATOMIC_SEQ_CST);
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
    struct run_queue *q = &queues[cpu];

    sched_init_vcpu(idle, cpu);
    idle->sched.state = STATE_RUNNING;
    q->lock.held = 0;
    list_init(&q->ready);
    q->running = q->idle = idle;
    timer_init(&q->slice, slice_over);
}

void sched_init_vcpu(struct vcpu *v, unsigned cpu)
{
    struct sched_vcpu *s = &v->sched;

    *s = (struct sched_vcpu){.cpu = cpu, .state = STATE_OFFLINE, .since_ns = arch_now_ns()};
    list_init(&s->queue);
}

/* Makes sure that the one who runs there will give way. */
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
        list_append(&q->ready, &v->sched.queue);
        if (v->sched.cpu != arch_this_cpu())
            arch_kick_cpu(v->sched.cpu);
        else if (!q->running->idle && !timer_is_set(&q->slice))
            timer_set(&q->slice, now + SCHED_SLICE_NS);
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

void sched_kicked(void)
{
    struct run_queue *q = &queues[arch_this_cpu()];

    if (list_empty(&q->ready))
        return;
    if (q->running->idle)
        slice_over(&q->slice);
    else if (!timer_is_set(&q->slice))
        timer_set(&q->slice, arch_now_ns() + SCHED_SLICE_NS);
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

void schedule(void)
{
    struct run_queue *q = &queues[arch_this_cpu()];
    struct vcpu *prev = current, *next = q->idle;
    uint64_t now;

    __atomic_fetch_and(&prev->work, ~WORK_RESCHED, __ATOMIC_SEQ_CST);
    if (prev->sched.state == STATE_RUNNING && list_empty(&q->ready))
        return;

    spin_lock(&q->lock);
    now = arch_now_ns();
    if (prev->sched.state == STATE_RUNNING) {
        enter_state(prev, STATE_RUNNABLE, now);
        if (!prev->idle)
            list_append(&q->ready, &prev->sched.queue);
    }
    if (!list_empty(&q->ready)) {
        next = container_of(q->ready.next, struct vcpu, sched.queue);
        list_remove(&next->sched.queue);
    }
    enter_state(next, STATE_RUNNING, now);
    q->running = next;
    if (next->idle || list_empty(&q->ready))
        timer_cancel(&q->slice);
    else
        timer_set(&q->slice, now + SCHED_SLICE_NS);
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

void sched_give_way(void)
{
    if (!list_empty(&queues[arch_this_cpu()].ready))
        schedule();
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
        list_remove(&v->sched.queue); /* it is queued if someone woke it meanwhile */
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
    struct run_queue *q = &queues[arch_this_cpu()];

    for (;;) {
        if (list_empty(&q->ready))
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
