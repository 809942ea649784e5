/* Event channels, upcalls and their masks, waiting, timers and the clock. */
#include "check.h"

#define MS 1000000ul

static struct lm_event ipi, timer, local_end;
static unsigned ipis, timers, order;
static uint64_t timer_time;
static unsigned order_of_ipi, order_of_local;

static void on_ipi(struct lm_event *event)
{
    ipis++;
    order_of_ipi = ++order;
    check(event->port, ipi.port, "upcall: port");
    check(lm_this_vcpu()->info->evtchn_upcall_mask, 1, "upcall: upcalls are masked in it");
}

static void on_local(struct lm_event *event)
{
    (void)event;
    order_of_local = ++order;
}

static void on_timer(struct lm_event *event)
{
    (void)event;
    timers++;
    timer_time = lm_time_ns();
}

static bool pending(uint32_t port)
{
    return lm_shared_info->evtchn_pending[port / 64] >> port % 64 & 1;
}

static void masks(void)
{
    ipi.handle = on_ipi;
    ipi.port = lm_event_bind_ipi(0);
    check((int)ipi.port > 0, true, "bind_ipi");
    check(lm_event_send(ipi.port), 0, "send before anyone listens");
    check(ipis, 0, "a port nobody opened is not delivered");
    lm_event_open(&ipi);
    check(ipis, 1, "opening delivers what was pending");
    lm_event_send(ipi.port);
    check(ipis, 2, "send to an open port");
    check(pending(ipi.port), false, "the upcall cleared pending");

    lm_event_mask(ipi.port);
    lm_event_send(ipi.port);
    check(ipis, 2, "send to a masked port");
    check(pending(ipi.port), true, "a masked port becomes pending");
    lm_event_unmask(ipi.port);
    check(ipis, 3, "unmasking the port delivers it");

    lm_upcalls_mask();
    lm_event_send(ipi.port);
    lm_event_send(ipi.port);
    check(ipis, 3, "send while upcalls are masked");
    check(lm_this_vcpu()->info->evtchn_upcall_pending, 1, "upcall_pending is set");
    lm_upcalls_unmask();
    check(ipis, 4, "unmasking upcalls delivers both as one");
}

static int status(uint32_t port, struct evtchn_status *s)
{
    *s = (struct evtchn_status){.dom = DOMID_SELF, .port = port};
    return (int)hypercall_event_channel_op(EVTCHNOP_status, s);
}

/* An interdomain channel with both ends here. */
static void loopback(void)
{
    struct evtchn_status s;
    int first, second;

    first = lm_event_alloc(DOMID_SELF);
    check(first > 0, true, "alloc_unbound");
    check(status(first, &s), 0, "status of the unbound port");
    check(s.status, EVTCHNSTAT_unbound, "status: unbound");
    second = lm_event_bind(DOMID_SELF, first);
    check(second > 0, true, "bind_interdomain");
    check(pending(second), true, "a bound port is pending at once");
    check(status(first, &s), 0, "status of the bound port");
    check(s.status, EVTCHNSTAT_interdomain, "status: interdomain");
    check(s.u.interdomain.port, second, "status: the other end");
    check(lm_event_bind(DOMID_SELF, first), -XEN_EINVAL, "binding to a bound port");

    local_end.handle = on_local;
    local_end.port = second;
    lm_event_open(&local_end);
    order = order_of_local = order_of_ipi = 0;
    lm_upcalls_mask();
    lm_event_send(first);
    lm_event_send(ipi.port);
    lm_upcalls_unmask();
    check(order, 2, "two ports pending: both handled in one upcall");
    check(order_of_local != 0 && order_of_ipi != 0, true, "each once");

    lm_event_close(&local_end);
    check(status(first, &s), 0, "status after the other end closed");
    check(s.status, EVTCHNSTAT_unbound, "the remaining end is unbound");
    check(lm_event_send(first), 0, "send on an unbound port does nothing");
}

static void refusals(void)
{
    struct evtchn_close close = {.port = 4000};
    struct evtchn_status s;

    check(lm_event_send(0), -XEN_EINVAL, "send on port 0");
    check(lm_event_send(4000), -XEN_EINVAL, "send on a port that is not bound");
    check(lm_event_send(4096), -XEN_EINVAL, "send beyond the last port");
    check(lm_event_send(~0u), -XEN_EINVAL, "send on port 2^32 - 1");
    check(hypercall_event_channel_op(EVTCHNOP_close, &close), -XEN_EINVAL, "close a free port");
    check(lm_event_bind(DOMID_SELF, 4000), -XEN_EINVAL, "bind to a free port");
    check(lm_event_bind(0x7000, 1), -XEN_ESRCH, "bind to a domain that is not there");
    check(lm_event_bind_virq(NR_VIRQS, 0), -XEN_EINVAL, "bind an unknown virq");
    check(lm_event_bind_virq(VIRQ_TIMER, 1), -XEN_ENOENT, "bind a virq of a missing vCPU");
    check(lm_event_bind_virq(VIRQ_CONSOLE, 1), -XEN_EINVAL, "bind a global virq to vCPU 1");
    check(lm_event_bind_ipi(1), -XEN_ENOENT, "bind an ipi of a missing vCPU");
    check(status(4096, &s), -XEN_EINVAL, "status beyond the last port");
    check(hypercall_event_channel_op(99, &s), -XEN_ENOSYS, "unknown sub-operation");
}

static void wait_for_timer(unsigned count)
{
    lm_upcalls_mask();
    while (timers < count) {
        lm_block();
        lm_upcalls_mask();
    }
    lm_upcalls_unmask();
}

static void timer_events(void)
{
    struct vcpu_set_singleshot_timer past = {.timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future};
    struct vcpu_set_singleshot_timer next = {0};
    uint64_t now;

    timer.handle = on_timer;
    timer.port = lm_event_bind_virq(VIRQ_TIMER, 0);
    check((int)timer.port > 0, true, "bind VIRQ_TIMER");
    check(lm_event_bind_virq(VIRQ_TIMER, 0), -XEN_EEXIST, "bind VIRQ_TIMER again");
    lm_event_open(&timer);
    lm_timer_stop_periodic();
    timers = 0;

    now = lm_time_ns();
    lm_timer_set(now + 5 * MS);
    wait_for_timer(1);
    check(timer_time >= now + 5 * MS, true, "timer: not early");
    check(timer_time < now + 500 * MS, true, "timer: not late");

    now = lm_time_ns();
    lm_timer_set(now + 5 * MS);
    while (timers < 2 && lm_time_ns() < now + 1000 * MS)
        ;
    check(timers, 2, "timer: interrupts a busy guest");

    lm_timer_set(lm_time_ns() + 5 * MS);
    lm_timer_set(0);
    now = lm_time_ns();
    while (lm_time_ns() < now + 20 * MS)
        ;
    check(timers, 2, "timer: cancelled");

    lm_timer_set(1);
    wait_for_timer(3);
    check(timers, 3, "timer: a deadline in the past is due at once");

    /* Xen used to answer -ETIME; since 4.17.2 it does not, because old Linux cannot cope with it.
     */
    check(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &past), 0,
          "singleshot in the past with the future flag");
    timers = 3;
    next.timeout_abs_ns = lm_time_ns() + 5 * MS;
    check(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &next), 0, "set_singleshot_timer");
    wait_for_timer(4);
    next.timeout_abs_ns = lm_time_ns() + 5 * MS;
    hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &next);
    check(hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0, "stop_singleshot_timer");
    check(hypercall_vcpu_op(VCPUOP_is_up, 0, NULL), 1, "is_up of vCPU 0");
    check(hypercall_vcpu_op(VCPUOP_is_up, 64, NULL), -XEN_ENOENT, "is_up of a missing vCPU");
}

static uint64_t time_blocked(void)
{
    struct vcpu_runstate_info info;

    hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &info);
    return info.time[RUNSTATE_blocked];
}

/* The periodic timer ticks only while the vCPU runs: it is none to wait for. */
static void ticks(void)
{
    struct vcpu_set_periodic_timer set = {.period_ns = 50 * MS};
    struct sched_poll poll = {0};
    uint64_t begin, blocked;
    unsigned before, tries = 0;

    lm_upcalls_mask();
    /* On a busy machine a tick may be due before we sleep, and then we do not: once more. */
    do {
        lm_upcalls_unmask();
        lm_upcalls_mask();
        timers = 0;
        blocked = time_blocked();
        poll.timeout = lm_time_ns() + 300 * MS;
        check(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &set), 0, "set_periodic_timer");
        check(hypercall_sched_op(SCHEDOP_poll, &poll), 0, "poll with the periodic timer on");
    } while (lm_time_ns() < poll.timeout && time_blocked() == blocked && ++tries < 100);
    check(lm_time_ns() >= poll.timeout, true, "a tick wakes no one");
    lm_upcalls_unmask();
    before = timers;
    check(before <= 1, true, "ticks that were missed are one at most");
    begin = lm_time_ns();
    while (timers < before + 2 && lm_time_ns() < begin + 5000 * MS)
        ;
    check(timers, before + 2, "ticks: interrupt a busy guest");
    check(timer_time >= begin + 50 * MS, true, "ticks: not early");
    check(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0, "stop_periodic_timer");
    begin = lm_time_ns();
    while (lm_time_ns() < begin + 120 * MS)
        ;
    check(timers, before + 2, "ticks: stopped");
}

static void polling(void)
{
    uint32_t ports[129] = {local_end.port, ipi.port};
    struct sched_poll poll = {.ports = ports, .nr_ports = 2};
    uint64_t now;

    lm_event_mask(ipi.port);
    lm_event_take(ipi.port);
    now = lm_time_ns();
    poll.timeout = now + 5 * MS;
    check(hypercall_sched_op(SCHEDOP_poll, &poll), 0, "poll with a timeout");
    check(lm_time_ns() >= now + 5 * MS, true, "poll: not early");
    check(lm_time_ns() < now + 500 * MS, true, "poll: not late");
    lm_event_send(ipi.port);
    poll.timeout = 0;
    check(hypercall_sched_op(SCHEDOP_poll, &poll), 0, "poll of a pending port returns");
    check(lm_event_take(ipi.port), true, "poll leaves it pending");
    poll.timeout = 1;
    check(hypercall_sched_op(SCHEDOP_poll, &poll), 0, "poll with a timeout in the past returns");
    for (unsigned i = 2; i < 129; i++)
        ports[i] = ipi.port;
    poll.nr_ports = 128;
    check(hypercall_sched_op(SCHEDOP_poll, &poll), 0, "poll of 128 ports");
    poll.nr_ports = 129;
    check(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL, "poll of 129 ports");
    poll.nr_ports = 1;
    ports[0] = 1 << 20;
    check(hypercall_sched_op(SCHEDOP_poll, &poll), -XEN_EINVAL, "poll beyond the last port");
    lm_event_unmask(ipi.port);
    check(hypercall_sched_op(SCHEDOP_yield, NULL), 0, "yield");
    check(hypercall_sched_op(99, NULL), -XEN_ENOSYS, "unknown sched_op");
}

static void clock(void)
{
    uint64_t begin = lm_time_ns(), last = begin, back = 0;

    for (unsigned i = 0; i < 200000; i++) {
        uint64_t now = lm_time_ns();

        back += now < last;
        last = now;
    }
    check(back, 0, "the clock never steps back");
    check(last > begin, true, "the clock goes on");
    check(lm_wallclock_ns() > 1500000000ul * 1000 * MS, true, "the wall clock is after 2017");
}

static void rearm(struct lm_event *event)
{
    (void)event;
    timers++;
    lm_timer_set(lm_time_ns() + 100000);
}

/* The timer interrupts this loop a hundred times; each upcall must leave every register alone.
 * Upcalls are counted, not time: a busy machine may let us see little of that. */
static void registers_survive_upcalls(void)
{
    uint64_t bad, until = timers + 100;

    timer.handle = rearm;
    lm_timer_set(1);
    __asm__ volatile(
        "movq %1, %%rbx\n"
        "movq $1, %%r8; movq $2, %%r9; movq $3, %%r10; movq $4, %%r11\n"
        "movq $5, %%rcx; movq $6, %%rsi; movq $7, %%rdi; movq $8, %%r12\n"
        "773: movl %2, %%eax\n"
        "cmpq $1, %%r8; jne 774f; cmpq $2, %%r9; jne 774f; cmpq $3, %%r10; jne 774f\n"
        "cmpq $4, %%r11; jne 774f; cmpq $5, %%rcx; jne 774f; cmpq $6, %%rsi; jne 774f\n"
        "cmpq $7, %%rdi; jne 774f; cmpq $8, %%r12; jne 774f\n"
        "cmpq %%rbx, %%rax; jb 773b\n"
        "movq $0, %0; jmp 775f\n"
        "774: movq $1, %0\n"
        "775:"
        : "=m"(bad)
        : "m"(until), "m"(timers)
        : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "cc",
          "memory");
    lm_event_mask(timer.port);
    lm_timer_set(0);
    check(bad, 0, "registers survive upcalls");
    check(timers >= until, true, "there were many upcalls");
}

int main(void)
{
    lm_events_init();
    masks();
    loopback();
    refusals();
    timer_events();
    ticks();
    polling();
    clock();
    registers_survive_upcalls();
    return check_done();
}
