/* Event channels under stress: DOMAINS domains (a, b ...) of VCPUS vCPUs each, with so many
 * channels between any two of them (stress.dts). Some use the FIFO ABI, the others the 2-level one.
 * All vCPUs at once send, to other domains and each other, mask and unmask, move ports to other
 * vCPUs, change priorities, close ports and bind anew while the other end sends, poll and block, in
 * an order that a seed chooses. Counters in shared pages tell whether an event was lost, or came
 * twice, or to the wrong vCPU:
 *   - who sent waits until that was seen before it sends on that channel again, so that no later
 *     event hides that one is lost (stress_watch.c);
 *   - an event that was taken must have been sent since the one before was: see receive();
 *   - a vCPU looks only at what it was told to look at (stress_2level.c, stress_fifo.c).
 * bootargs: DOMAIN [fifo=DOMAINS] [seconds=N] [seed=N] [channels=N] [patience=MS] [fault=NAME] */
#include "stress.h"

#define STACK_BYTES 32768

struct options options = {
    .seconds = 20,
    .seed = 1,
    .channels = 752,
    .patience = 2000,
};
const struct receiver *receiver;
struct worker workers[VCPUS];

static uint64_t begun_at;
static uint32_t stopping;

/* --- choices --- */

uint64_t choose(struct worker *w, uint64_t below)
{
    uint64_t x = w->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    w->random = x;
    return (x * 0x2545f4914f6cdd1dul >> 32) * below >> 32;
}

static void seed(struct worker *w)
{
    w->random = (options.seed * 64 + options.self * VCPUS + w->id) * 0x9e3779b97f4a7c15ul;
    w->random |= !w->random;
    for (unsigned i = 0; i < 20; i++)
        choose(w, 1);
}

/* At first nothing is wrong, so that there is something to be wrong. */
bool faulty(struct worker *w, enum fault fault)
{
    return options.fault == fault && begun_at && lm_time_ns() > begun_at + 500 * MS &&
           choose(w, 16) == 0;
}

/* --- sending and receiving --- */

void send_on(struct worker *w, struct end *e)
{
    uint32_t port;
    int error = 0;

    ADD(e->users, 1);
    port = LOAD(e->port);
    if (port) {
        ADD(e->out->begun, 1);
        if (!faulty(w, LOST_SEND))
            error = lm_event_send(faulty(w, BAD_CALL) ? 0 : port);
        ADD(e->out->done, 1);
        ADD(w->sends, 1);
    }
    ADD(e->users, -1);
    if (error)
        find(REFUSED, "send on port %u: %d", port, error);
}

void unmask_end(struct worker *w, struct end *e)
{
    struct evtchn_unmask arg = {.port = e->port};

    ADD(e->unmasks_begun, 1);
    if (faulty(w, LOST_UNMASK))
        receiver->clear_masked(arg.port);
    else if (choose(w, 2))
        lm_event_unmask(arg.port);
    else if (hypercall_event_channel_op(EVTCHNOP_unmask, &arg) != 0)
        find(REFUSED, "unmask of port %u", arg.port);
    ADD(e->unmasks_done, 1);
}

/* An event that is taken was sent by someone who had not done so when the one before was taken, and
 * who has begun by now. */
static void take(struct worker *w, struct end *e)
{
    uint64_t done = LOAD(e->in->done) + LOAD(e->marks_done), sends, marks;

    if (!lm_event_take(e->port))
        return;
    sends = LOAD(e->in->begun);
    marks = LOAD(e->marks_begun);
    e->deliveries++;
    w->events++;
    if (sends + marks <= e->done_before)
        find_end(DUPLICATE, e, "an event that nobody sent");
    e->done_before = done;
    STORE(e->marks_seen, marks);
    STORE(e->in->seen, sends);
}

/* With the FIFO ABI the vCPU that had the port may come across an event at the same time. */
void receive(struct worker *w, struct end *e)
{
    while (__atomic_exchange_n(&e->taking, 1, __ATOMIC_SEQ_CST))
        lm_yield();
    take(w, e);
    STORE(e->taking, 0);
}

void receive_port(struct worker *w, struct end *e, uint32_t port)
{
    ADD(e->users, 1);
    if (LOAD(e->port) == port) {
        receive(w, e);
        if (choose(w, 8) == 0 && !LOAD(stopping) && LOAD(e->out->seen) == LOAD(e->out->begun))
            send_on(w, e);
        if (faulty(w, TAKEN_TWICE)) {
            lm_event_mask(port);
            receiver->set_pending(port);
            unmask_end(w, e);
        }
    }
    ADD(e->users, -1);
}

static void upcall(struct lm_trap_frame *frame)
{
    struct lm_vcpu *v = lm_this_vcpu();
    struct worker *w = &workers[v->id];

    (void)frame;
    w->upcalls++;
    while (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST))
        receiver->scan(w);
}

/* --- what a vCPU does --- */

/* On a channel on which nothing is on its way: several times, so that some become one. */
static void send_some(struct worker *w)
{
    for (unsigned tries = 0; tries < 3; tries++) {
        struct end *e = &ends[choose(w, nr_ends)];

        if (!LOAD(e->port) || LOAD(e->out->seen) != LOAD(e->out->begun))
            continue;
        for (uint64_t n = choose(w, 4) + 1; n; n--)
            send_on(w, e);
    }
}

/* One of its own, or an IPI to any vCPU: others have to stay as they are for who has them. */
static void hold(struct worker *w)
{
    struct end *e = choose(w, 2) ? own_end(w) : &ends[choose(w, VCPUS * IPIS)];

    if (!e || w->nr_held == sizeof(w->held) / sizeof(w->held[0]))
        return;
    lm_event_mask(e->port);
    w->held[w->nr_held++] = e;
    w->masks++;
}

static void release_held(struct worker *w)
{
    while (w->nr_held)
        unmask_end(w, w->held[--w->nr_held]);
}

static void wait_begins(struct worker *w, enum waiting how, uint64_t deadline)
{
    STORE(w->deadline, deadline);
    STORE(w->waiting_since, lm_time_ns());
    STORE(w->waiting, how);
}

static void wait_ends(struct worker *w)
{
    STORE(w->waiting, NOT_WAITING);
}

void nap(void)
{
    struct sched_poll poll = {.timeout = lm_time_ns() + MS};

    hypercall_sched_op(SCHEDOP_poll, &poll);
}

static void rest(struct worker *w)
{
    lm_upcalls_mask();
    if (LOAD(stopping) && !w->parked) {
        lm_upcalls_unmask();
        return;
    }
    if (faulty(w, LOST_UPCALL)) {
        send_on(w, &ends[w->id * IPIS]);
        lm_this_vcpu()->info->evtchn_upcall_pending = 0;
    }
    receiver->check_told(w);
    wait_begins(w, BLOCKED, 0);
    if (faulty(w, LEFT_ASLEEP)) {
        send_on(w, &ends[w->id * IPIS]);
        while (!LOAD(found[NOT_WOKEN]))
            nap();
    }
    lm_block();
    wait_ends(w);
    w->blocks++;
}

/* For some of its own, which it masks: by upcall they would not be found pending. With upcalls
 * masked only a port or the time ends it. */
static void poll(struct worker *w)
{
    uint32_t ports[POLLED];
    struct sched_poll arg = {.ports = ports};
    bool masked = choose(w, 2);
    unsigned count = 0;
    long error;

    for (unsigned i = 0; i < POLLED; i++) {
        struct end *e = own_end(w);

        if (!e)
            continue;
        lm_event_mask(e->port);
        ports[count] = e->port;
        w->polled[count++] = e;
    }
    STORE(w->nr_polled, count);
    arg.nr_ports = count;
    arg.timeout = lm_time_ns() + choose(w, 5 * MS);
    if (masked)
        lm_upcalls_mask();
    wait_begins(w, POLLING, arg.timeout);
    error = hypercall_sched_op(SCHEDOP_poll, &arg);
    wait_ends(w);
    if (error)
        find(REFUSED, "poll: %ld", error);
    if (masked) {
        for (unsigned i = 0; i < count && choose(w, 4); i++)
            receive(w, w->polled[i]);
        lm_upcalls_unmask();
    }
    STORE(w->nr_polled, 0);
    for (unsigned i = 0; i < count; i++)
        unmask_end(w, w->polled[i]);
    w->polls++;
}

/* For the first of its IPIs, which vCPU 0 sends when it sees that, and at the end. Only that ends
 * it in time. */
static void poll_for_ring(struct worker *w)
{
    struct end *e = &ends[w->id * IPIS];
    struct sched_poll arg = {.ports = &e->port, .nr_ports = 1};
    long error;

    lm_event_mask(e->port);
    w->polled[0] = e;
    STORE(w->nr_polled, 1);
    lm_upcalls_mask();
    if (!LOAD(stopping)) {
        STORE(w->wants_ring, 1);
        arg.timeout = lm_time_ns() + 4 * options.patience * MS;
        wait_begins(w, POLLING, arg.timeout);
        error = hypercall_sched_op(SCHEDOP_poll, &arg);
        wait_ends(w);
        if (error)
            find(REFUSED, "poll for an IPI: %ld", error);
    }
    lm_upcalls_unmask();
    STORE(w->nr_polled, 0);
    unmask_end(w, e);
    w->polls++;
}

static void ring(struct worker *w)
{
    for (unsigned i = 1; i < VCPUS; i++)
        if (LOAD(workers[i].wants_ring)) {
            STORE(workers[i].wants_ring, 0);
            send_on(w, &ends[i * IPIS]);
        }
}

/* What needs that nobody else arranges, or it is left. */
static void arrange(struct worker *w)
{
    release_held(w);
    if (!try_arranging())
        return;
    if (choose(w, 2))
        close_one(w);
    else
        receiver->move(w);
    stop_arranging();
}

static void act(struct worker *w)
{
    const struct end *e;

    switch (choose(w, 32)) {
    case 0:
        release_held(w);
        poll(w);
        break;
    case 1:
        /* Somebody in each domain must be awake to send to those who sleep. */
        release_held(w);
        reopen(w);
        if (w->id != 0)
            rest(w);
        break;
    case 2 ... 3:
        arrange(w);
        break;
    case 4:
        reopen(w);
        break;
    case 5 ... 8:
        hold(w);
        break;
    case 9:
        release_held(w);
        break;
    case 10:
        lm_yield();
        break;
    case 11:
        e = own_end(w);
        if (e)
            check_status(e);
        break;
    case 12:
        release_held(w);
        reopen(w);
        if (w->id != 0)
            poll_for_ring(w);
        break;
    default:
        send_some(w);
    }
    if (w->id == 0)
        ring(w);
    lm_upcalls_mask();
    receiver->check_told(w);
    lm_upcalls_unmask();
    watch();
}

static void park(struct worker *w)
{
    reopen(w);
    release_held(w);
    STORE(w->parked, 1);
}

static void work(void *arg)
{
    struct worker *w = arg;

    lm_upcalls_unmask();
    while (!LOAD(stopping))
        act(w);
    park(w);
    for (;;)
        rest(w);
}

/* --- the end, which domains come to together --- */

/* When one found something; all, if there is something to be found. */
static bool in_a_hurry(void)
{
    unsigned hurry = LOAD(pairs[0].directory->hurry[pairs[0].side]);

    for (unsigned i = 0; i < DOMAINS - 1; i++)
        hurry += LOAD(pairs[i].directory->hurry[!pairs[i].side]);
    return hurry >= (options.fault ? DOMAINS : 1);
}

/* Until it holds, but not for ever. */
static bool wait_until(bool (*holds)(void), uint64_t ms)
{
    uint64_t end = lm_time_ns() + ms * MS;

    while (!holds() && lm_time_ns() < end) {
        nap();
        watch();
    }
    return holds();
}

static bool all_parked(void)
{
    for (unsigned i = 0; i < VCPUS; i++)
        if (!LOAD(workers[i].parked))
            return false;
    return true;
}

static bool others_in(enum phase phase)
{
    for (unsigned i = 0; i < DOMAINS - 1; i++)
        if (LOAD(pairs[i].directory->phase[!pairs[i].side]) < phase)
            return false;
    return true;
}

static bool others_quiet(void)
{
    return others_in(QUIET);
}

static bool others_done(void)
{
    return others_in(DONE);
}

static void enter(enum phase phase)
{
    for (unsigned i = 0; i < DOMAINS - 1; i++)
        STORE(pairs[i].directory->phase[pairs[i].side], phase);
}

static bool all_seen(void)
{
    for (unsigned i = 0; i < nr_ends; i++)
        if (is_unseen(&ends[i]))
            return false;
    return true;
}

static void finish(void)
{
    struct worker *w = &workers[0];

    STORE(stopping, 1);
    park(w);
    for (unsigned i = 1; i < VCPUS; i++)
        send_on(w, &ends[i * IPIS]);
    check(wait_until(all_parked, 4 * options.patience), true, "every vCPU came to the end");
    for (unsigned i = 0; i < nr_ends; i++)
        check_status(&ends[i]);
    enter(QUIET);
    check(wait_until(others_quiet, 10 * options.patience), true, "every domain came to the end");
    check(wait_until(all_seen, 2 * options.patience), true, "the last event of each channel seen");
}

static void count_all(struct worker *sum)
{
    for (unsigned i = 0; i < VCPUS; i++) {
        const struct worker *w = &workers[i];

        sum->sends += w->sends;
        sum->upcalls += w->upcalls;
        sum->events += w->events;
        sum->masks += w->masks;
        sum->moves += w->moves;
        sum->priorities += w->priorities;
        sum->closes += w->closes;
        sum->blocks += w->blocks;
        sum->polls += w->polls;
    }
}

static void report(void)
{
    struct worker n = {0};
    uint64_t received = 0, sent = 0, ms = (lm_time_ns() - begun_at) / MS;

    count_all(&n);
    for (unsigned i = 0; i < nr_ends; i++) {
        received += ends[i].deliveries;
        sent += ends[i].in->begun + ends[i].marks_begun;
    }
    printf("seed %lu, %lu.%lu s, %s, %u ports: %lu sends, %lu upcalls, %lu events, %lu masks, "
           "%lu rebinds, %lu priorities, %lu closes, %lu blocks, %lu polls\n",
           options.seed, ms / 1000, ms % 1000 / 100, receiver->name, nr_ends, n.sends, n.upcalls,
           n.events, n.masks, n.moves, n.priorities, n.closes, n.blocks, n.polls);
    check(n.events, received, "events, by vCPU and by channel");
    check(received <= sent, true, "not more events than sends and binds");
    check(n.sends && n.upcalls && n.masks && n.moves && n.closes && n.blocks && n.polls, true,
          "something of everything");
    check(n.priorities != 0, receiver == &receiver_fifo, "priorities with the FIFO ABI only");
    check(found[LOST], 0, "events lost");
    check(found[DUPLICATE], 0, "events that nobody sent");
    check(found[WRONG_VCPU], 0, "events at the wrong vCPU");
    check(found[WRONG_PRIORITY], 0, "events of the wrong priority");
    check(found[NOT_WOKEN], 0, "vCPUs that were not woken");
    check(found[REFUSED], 0, "calls that were refused");
}

/* --- the beginning --- */

static void read_fault(const char *name)
{
    static const struct {
        const char *name;
        enum finding wanted;
    } faults[FAULTS] = {
        [NO_FAULT] = {"none", LOST},
        [LOST_SEND] = {"lost", LOST},
        [LOST_UNMASK] = {"unmask", LOST},
        [LOST_UPCALL] = {"upcall", LOST},
        [LOST_LINK] = {"link", LOST},
        [NOT_MOVED] = {"wrong-vcpu", WRONG_VCPU},
        [FOREIGN] = {"foreign", WRONG_VCPU},
        [TAKEN_TWICE] = {"duplicate", DUPLICATE},
        [NOT_LINKED] = {"unlinked", DUPLICATE},
        [NOT_RANKED] = {"wrong-priority", WRONG_PRIORITY},
        [LEFT_ASLEEP] = {"not-woken", NOT_WOKEN},
        [BAD_CALL] = {"refused", REFUSED},
    };
    unsigned i = 0;

    while (i < FAULTS && strncmp(name, faults[i].name, strlen(faults[i].name)) != 0)
        i++;
    lm_assert(i < FAULTS);
    options.fault = (enum fault)i;
    options.wanted = faults[i].wanted;
}

/* So that pairs of every kind occur. */
#define BY_DEFAULT "bd"

static bool uses_fifo(const char *line)
{
    const char *domain = strstr(line, "fifo=");

    domain = domain ? domain + strlen("fifo=") : BY_DEFAULT;
    while (*domain && *domain != ' ' && *domain != line[0])
        domain++;
    return *domain == line[0];
}

static void read_options(const char *line)
{
    static const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {
        {"seconds=", &options.seconds},
        {"seed=", &options.seed},
        {"channels=", &options.channels},
        {"patience=", &options.patience},
    };
    const char *fault = strstr(line, "fault=");

    options.self = (unsigned)(line[0] - 'a');
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        const char *at = strstr(line, numbers[i].name);

        if (at)
            *numbers[i].value = strtoul(at + strlen(numbers[i].name), NULL, 10);
    }
    if (fault)
        read_fault(fault + strlen("fault="));
    receiver = uses_fifo(line) ? &receiver_fifo : &receiver_2level;
    lm_assert(options.self < DOMAINS && options.seconds && options.patience >= 100);
    lm_assert(options.channels && options.channels <= MAX_CHANNELS &&
              (VCPUS + 1) * 64 + (DOMAINS - 1) * options.channels <= receiver->ports);
}

int main(void)
{
    static char stacks[VCPUS][STACK_BYTES] __attribute__((aligned(16)));
    static struct lm_vcpu vcpus[VCPUS];

    read_options((const char *)lm_start_info->cmd_line);
    for (unsigned i = 0; i < VCPUS; i++) {
        workers[i].id = i;
        seed(&workers[i]);
    }
    lm_events_init();
    lm_trap_handle(LM_TRAP_UPCALL, upcall);
    receiver->init();
    lm_timer_stop_periodic();
    setup();
    begun_at = lm_time_ns();
    for (unsigned i = 1; i < VCPUS; i++)
        lm_assert(lm_vcpu_start(&vcpus[i], i, work, &workers[i], stacks[i], STACK_BYTES) == 0);
    while (lm_time_ns() < begun_at + options.seconds * 1000 * MS && !in_a_hurry())
        act(&workers[0]);
    finish();
    enter(DONE);
    wait_until(others_done, 10 * options.patience);
    report();
    return check_done();
}
