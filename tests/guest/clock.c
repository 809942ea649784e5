/* Time: the clock on one vCPU and between several, timers, and the times in runstates; nothing
 * that depends on how fast the machine is, but for the command line "icount": one host CPU whose
 * clock counts instructions. "other": the domain that takes time from the one that tests. */
#include "check.h"

#define VCPUS       4u
#define READINGS    100000u
#define HANDOVERS   2000u
#define AGREE_NS    1000u
#define SHOTS       60u
#define TICKS       50u
#define PERIOD_NS   2000000ul
#define US          1000ul
#define STACK_BYTES 16384
/* Under "icount", from the deadline to the handler; docs/architecture.md has it. */
#define LATE_NS 3000u

static struct clock {
    struct lm_event timer;
    struct vcpu_runstate_info area; /* the hypervisor writes it when the vCPU begins to run */
    volatile uint64_t deadline;     /* 0: no timer is set */
    volatile uint64_t fired, early, latest_ns;
    volatile uint64_t last_ns, back; /* the last reading of the clock, and steps back from one */
    uint64_t born_ns, inexact;       /* by the area: when its runstate began to count */
    uint64_t behind_ns;              /* another vCPU's reading, at most */
    uint64_t first_ns, end_ns;       /* by the hypercall: its runstate began to count between */
    struct vcpu_runstate_info seen;
    uint64_t shrunk; /* times that went back */
} clocks[VCPUS];
static volatile uint64_t finished;

static struct clock *own(void)
{
    return &clocks[lm_this_vcpu()->id];
}

/* A reading, checked against the one before. */
static uint64_t now(struct clock *c)
{
    uint64_t before = c->last_ns, ns = lm_time_ns();

    c->back += ns < before;
    c->last_ns = ns;
    return ns;
}

/* --- timers --- */

static void fire(struct lm_event *event)
{
    struct clock *c = (struct clock *)((char *)event - offsetof(struct clock, timer));
    uint64_t ns = now(c);

    c->fired++;
    c->early += ns < c->deadline;
    if (c->deadline && ns - c->deadline > c->latest_ns)
        c->latest_ns = ns - c->deadline;
    c->deadline = 0;
}

static void open_timer(struct clock *c)
{
    unsigned vcpu = (unsigned)(c - clocks);
    int port;

    lm_timer_stop_periodic();
    port = lm_event_bind_virq(VIRQ_TIMER, vcpu);
    lm_assert(port > 0);
    c->timer = (struct lm_event){.handle = fire, .port = (uint32_t)port, .vcpu = vcpu};
    lm_event_open(&c->timer);
}

static void sleep_until(struct clock *c, uint64_t deadline)
{
    c->deadline = deadline;
    lm_timer_set(deadline);
    lm_upcalls_mask();
    while (c->deadline) {
        lm_block();
        lm_upcalls_mask();
    }
    lm_upcalls_unmask();
}

static void single_shots(bool icount)
{
    struct clock *c = own();

    c->fired = c->latest_ns = 0;
    for (unsigned i = 0; i < SHOTS; i++)
        sleep_until(c, now(c) + i * 37 * US);
    check(c->fired, SHOTS, "single shots that came");
    check(c->early, 0, "single shots that came early");
    if (icount)
        check(c->latest_ns < LATE_NS, true, "single shots: %lu ns late at most", c->latest_ns);
    for (unsigned i = 1; i < VCPUS; i++)
        check(clocks[i].early, 0, "single shots of vCPU %u that came early", i);
}

static volatile uint64_t ticks;

static void count_tick(struct lm_event *event)
{
    (void)event;
    ticks++;
}

/* A vCPU that runs gets each tick, unless it waited for the CPU for longer than a period. On Xen
 * the first may come at once, as the period counts from the last tick of before. */
static void periodic(bool icount)
{
    struct vcpu_set_periodic_timer set = {.period_ns = PERIOD_NS};
    uint64_t begin, latest = 0, at, early = 0, seen = 0, none = on_lamina() ? 0 : 1;
    struct clock *c = own();

    c->timer.handle = count_tick;
    begin = now(c);
    lm_assert(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &set) == 0);
    while (seen < TICKS) {
        while (ticks == seen)
            ;
        seen = ticks;
        at = now(c);
        early += at < begin + (seen - none) * PERIOD_NS;
        if (at - begin - seen * PERIOD_NS > latest)
            latest = at - begin - seen * PERIOD_NS;
    }
    lm_timer_stop_periodic();
    check(early, 0, "ticks that came early");
    if (icount)
        check(latest < LATE_NS, true, "ticks: %lu ns late at most", latest);
    while (now(c) < at + 3 * PERIOD_NS)
        ;
    check(ticks <= seen + 1, true, "no ticks after it was stopped");
    c->timer.handle = fire;
}

/* --- runstates --- */

static uint64_t sum(const struct vcpu_runstate_info *info)
{
    return info->time[0] + info->time[1] + info->time[2] + info->time[3];
}

/* What is in a vCPU's own area adds up to the moment at which it began to run. */
static void check_area(struct clock *c)
{
    const volatile uint64_t *entry = &c->area.state_entry_time;
    struct vcpu_runstate_info info;
    uint64_t born, begun;

    do { /* we may lose the CPU at any time, and then it is written */
        begun = *entry;
        lm_barrier();
        memcpy(&info, &c->area, sizeof(info));
        lm_barrier();
    } while (*entry != begun);
    born = info.state_entry_time - sum(&info);
    c->inexact += c->born_ns && born != c->born_ns;
    c->born_ns = born;
}

/* The times add up to what has passed since the runstate began to count: each call narrows down
 * when that was. */
static void check_call(unsigned vcpu)
{
    struct clock *c = &clocks[vcpu];
    struct vcpu_runstate_info info;
    uint64_t before = now(own()), after;

    lm_assert(hypercall_vcpu_op(VCPUOP_get_runstate_info, vcpu, &info) == 0);
    after = now(own());
    if (before - sum(&info) > c->first_ns)
        c->first_ns = before - sum(&info);
    if (after - sum(&info) < c->end_ns)
        c->end_ns = after - sum(&info);
    for (unsigned i = 0; i < 4; i++)
        c->shrunk += info.time[i] < c->seen.time[i];
    c->shrunk += info.state_entry_time < c->seen.state_entry_time;
    c->seen = info;
}

/* Filled in at once, with the present stay, and as of the last switch from the next one on. */
static void open_area(struct clock *c)
{
    struct vcpu_register_runstate_memory_area area = {.addr.v = &c->area};
    const volatile uint64_t *entry = &c->area.state_entry_time;
    uint64_t first;

    lm_assert(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, (uint32_t)(c - clocks),
                                &area) == 0);
    first = *entry;
    do
        sleep_until(c, now(c) + 50 * US);
    while (*entry == first);
}

static void runstates(void)
{
    for (unsigned i = 0; i < VCPUS; i++) {
        struct clock *c = &clocks[i];

        check(c->inexact, 0, "runstate areas of vCPU %u that do not add up", i);
        check(c->first_ns <= c->end_ns, true, "runstates of vCPU %u add up, to %ld ns", i,
              c->end_ns - c->first_ns);
        check(c->first_ns <= c->born_ns && c->born_ns <= c->end_ns, true,
              "its runstate and its area agree");
        check(c->shrunk, 0, "times of its runstate that went back");
    }
}

/* --- the clock --- */

/* Across upcalls, blocks, and whatever takes the CPU. */
static void read_often(struct clock *c)
{
    for (unsigned i = 1; i <= READINGS; i++) {
        now(c);
        if (i % 1000)
            continue;
        sleep_until(c, now(c) + i / 1000 % 4 * 40 * US);
        check_area(c);
        for (unsigned vcpu = 0; c == clocks && vcpu < VCPUS; vcpu++)
            check_call(vcpu);
    }
}

static volatile uint64_t stamp_ns, handed_over;

/* Looks again and again for a while, then sleeps for a while: others want the CPU. */
static void await_turn(struct clock *c, uint64_t turn)
{
    struct sched_poll poll = {.nr_ports = 0};
    uint64_t begin = now(c);

    while (handed_over != turn) {
        if (now(c) < begin + 50 * US)
            continue;
        poll.timeout = now(c) + 50 * US;
        hypercall_sched_op(SCHEDOP_poll, &poll);
        begin = now(c);
    }
}

/* The vCPUs pass the time round. */
static void hand_over(struct clock *c)
{
    uint64_t id = (uint64_t)(c - clocks), ns;

    for (uint64_t turn = id; turn < HANDOVERS; turn += VCPUS) {
        await_turn(c, turn);
        ns = now(c);
        if (ns < stamp_ns && stamp_ns - ns > c->behind_ns)
            c->behind_ns = stamp_ns - ns;
        stamp_ns = ns;
        handed_over = turn + 1;
    }
}

static void run(void *arg)
{
    struct clock *c = arg;

    if (c != clocks) {
        open_timer(c);
        lm_upcalls_unmask();
    }
    open_area(c);
    read_often(c);
    hand_over(c);
    __atomic_fetch_add(&finished, 1, __ATOMIC_SEQ_CST);
}

static void run_all(void)
{
    static char stacks[VCPUS][STACK_BYTES] __attribute__((aligned(16)));
    static struct lm_vcpu vcpus[VCPUS];

    for (unsigned i = 0; i < VCPUS; i++) {
        clocks[i].end_ns = UINT64_MAX;
        check_call(i); /* while it is offline */
    }
    for (unsigned i = 1; i < VCPUS; i++)
        lm_assert(lm_vcpu_start(&vcpus[i], i, run, &clocks[i], stacks[i], STACK_BYTES) == 0);
    run(&clocks[0]);
    while (finished < VCPUS)
        lm_yield();
    for (unsigned i = 0; i < VCPUS; i++) {
        check_call(i);
        check(clocks[i].behind_ns <= AGREE_NS, true, "the clock of vCPU %u: %lu ns behind others",
              i, clocks[i].behind_ns);
    }
}

/* --- the domain beside --- */

/* Wants the CPU, sleeps, and so on. */
static int other(uint32_t end)
{
    lm_event_mask(end);
    while (!lm_event_take(end)) {
        uint64_t ns = lm_time_ns();
        struct sched_poll poll = {.ports = &end, .nr_ports = 1, .timeout = ns + 500 * US};

        while (lm_time_ns() < ns + 300 * US)
            ;
        hypercall_sched_op(SCHEDOP_poll, &poll);
    }
    return 0;
}

int main(void)
{
    const char *mode = (const char *)lm_start_info->cmd_line;
    bool icount = strcmp(mode, "icount") == 0;
    struct lamina_wire end;

    if (strcmp(mode, "other") == 0)
        return other(lm_wire_need("end", LAMINA_WIRE_event_channel).id);
    printf("wall clock %lu\n", lm_wallclock_ns() / 1000000000);
    lm_events_init();
    open_timer(&clocks[0]);
    run_all();
    runstates();
    single_shots(icount);
    periodic(icount);
    for (unsigned i = 0; i < VCPUS; i++)
        check(clocks[i].back, 0, "steps back of the clock of vCPU %u", i);
    if (lm_wire("end", &end) == 0)
        lm_event_send(end.id);
    return check_done();
}
