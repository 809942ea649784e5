/* The FIFO ABI. An event stays in the queue in which it is when its port moves, or gets another
 * priority: the vCPU that finds it there takes it, whose ever the port is by then. It is wrong only
 * if the port has been another's for long. A vCPU empties its queues each time that it looks: what
 * it finds came after it began to look the time before. */
#include "stress.h"

#define PER_PAGE   1024u
#define PRIORITIES EVTCHN_FIFO_MAX_QUEUES
#define PENDING    (1u << EVTCHN_FIFO_PENDING)
#define MASKED     (1u << EVTCHN_FIFO_MASKED)
#define LINKED     (1u << EVTCHN_FIFO_LINKED)
#define STATE      (PENDING | MASKED | LINKED)
#define GRACE      (500 * MS) /* for a sender that looked before a port moved and queued after it */
#define LOOKED_AT  256u       /* ports each time, as there are many */

static struct queues {
    struct evtchn_fifo_control_block block;
    uint32_t head[PRIORITIES];    /* 0: look into the block */
    uint64_t began_at, before_at; /* the last scan, and the one before */
    unsigned looked;
} __attribute__((aligned(256))) queues[VCPUS]; /* a block is in one page */

static uint64_t scans_begun[VCPUS], scans_done[VCPUS];
static uint32_t words[MAX_PORTS / PER_PAGE][PER_PAGE] __attribute__((aligned(LM_PAGE_SIZE)));
static uint8_t priority_of[MAX_PORTS];

static uint32_t *word_of(uint32_t port)
{
    return &words[port / PER_PAGE][port % PER_PAGE];
}

/* Ports that were closed while in a queue are not bound anew at once. */
static void init(void)
{
    static struct lm_event *handlers[PER_PAGE]; /* of nobody: upcalls are ours */
    uint32_t ports = (VCPUS + 1) * 64 + (DOMAINS - 1) * (uint32_t)options.channels + PER_PAGE;

    for (unsigned i = 0; i < VCPUS; i++)
        lm_assert(lm_event_use_fifo(i, &queues[i].block) == 0);
    for (unsigned i = 0; i * PER_PAGE < ports && i < MAX_PORTS / PER_PAGE; i++)
        lm_assert(lm_event_add_ports(words[i], handlers) == 0);
}

static unsigned vcpu_for(struct worker *w, uint32_t port)
{
    unsigned word = port / 64;

    return word >= 1 && word <= VCPUS ? word - 1 : (unsigned)choose(w, VCPUS);
}

static void set_priority(struct worker *w, uint32_t port)
{
    unsigned priority = (unsigned)choose(w, PRIORITIES);
    int error = faulty(w, NOT_RANKED) ? 0 : lm_event_set_priority(port, priority);

    if (error)
        find(REFUSED, "priority %u of port %u: %d", priority, port, error);
    STORE(priority_of[port], (uint8_t)priority);
}

/* --- what is in the queues --- */

/* Found in that queue of the worker, not as something of long ago. */
static void check_place(const struct worker *w, const struct end *e, uint32_t port,
                        unsigned priority)
{
    unsigned vcpu = LOAD(e->vcpu), wanted = LOAD(priority_of[port]);
    char why[64];

    /* In this order: who changes one of those says so in moved_at before and after. */
    if (LOAD(e->moved_at) + GRACE >= queues[w->id].before_at || LOAD(e->port) != port)
        return;
    if (vcpu != w->id) {
        snprintf(why, sizeof(why), "in a queue of vCPU %u", w->id);
        find_end(WRONG_VCPU, e, why);
    }
    if (priority != wanted) {
        snprintf(why, sizeof(why), "in the queue of priority %u instead of %u", priority, wanted);
        find_end(WRONG_PRIORITY, e, why);
    }
}

/* Out of its queue. Returns the next one's port, 0 for none. */
static uint32_t unlink(struct worker *w, uint32_t port)
{
    uint32_t *word = word_of(port), old = LOAD(*word);

    if (faulty(w, NOT_LINKED))
        old = __atomic_and_fetch(word, ~LINKED, __ATOMIC_SEQ_CST);
    if (!(old & LINKED))
        find(DUPLICATE, "vCPU %u was told of port %u, which is in no queue", w->id, port);
    while (!__atomic_compare_exchange_n(word, &old, old & ~(LINKED | EVTCHN_FIFO_LINK_MASK), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    return faulty(w, LOST_LINK) ? 0 : old & EVTCHN_FIFO_LINK_MASK;
}

/* Returns whether there may be more in that queue. */
static bool take_first(struct worker *w, unsigned priority)
{
    struct queues *q = &queues[w->id];
    uint32_t port = q->head[priority] ? q->head[priority] : LOAD(q->block.head[priority]);
    struct end *e;

    lm_assert(port > 0 && port < MAX_PORTS);
    q->head[priority] = unlink(w, port);
    /* After that: who opens the port now unmasks it later, and then the event is queued again. */
    e = LOAD(by_port[port]);
    if (e) {
        check_place(w, e, port, priority);
        if ((LOAD(*word_of(port)) & (PENDING | MASKED)) == PENDING)
            receive_port(w, e, port);
    }
    return q->head[priority] != 0;
}

static void take_any(struct worker *w)
{
    struct end *e = &ends[choose(w, nr_ends)];
    uint32_t port = LOAD(e->port);

    if (port) {
        check_place(w, e, port, LOAD(priority_of[port]));
        receive_port(w, e, port);
    }
}

static void scan(struct worker *w)
{
    struct queues *q = &queues[w->id];
    uint32_t ready = 0;

    ADD(scans_begun[w->id], 1);
    q->before_at = q->began_at;
    q->began_at = lm_time_ns();
    if (faulty(w, FOREIGN))
        take_any(w);
    while ((ready |= __atomic_exchange_n(&q->block.ready, 0, __ATOMIC_SEQ_CST))) {
        unsigned priority = (unsigned)__builtin_ctz(ready);

        if (!take_first(w, priority))
            ready &= ~(1u << priority);
    }
    ADD(scans_done[w->id], 1);
}

static bool is_pending(uint32_t port)
{
    return LOAD(*word_of(port)) & PENDING;
}

static bool is_masked(uint32_t port)
{
    return LOAD(*word_of(port)) & MASKED;
}

static void set_pending(uint32_t port)
{
    __atomic_fetch_or(word_of(port), PENDING, __ATOMIC_SEQ_CST);
}

static void clear_masked(uint32_t port)
{
    __atomic_fetch_and(word_of(port), ~MASKED, __ATOMIC_SEQ_CST);
}

/* --- that the vCPU was told --- */

static bool is_nowhere(uint32_t port)
{
    return (LOAD(*word_of(port)) & STATE) == PENDING;
}

static uint64_t sum_of(const uint64_t *counts)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < VCPUS; i++)
        sum += LOAD(counts[i]);
    return sum;
}

/* One event would wait for an unmask. Whoever scans may be about to take it. */
static void check_queued(const struct worker *w, uint32_t port)
{
    const struct end *e = LOAD(by_port[port]);
    uint64_t done, scans;

    if (!e || LOAD(e->vcpu) != w->id || LOAD(e->port) != port)
        return;
    done = all_done(e);
    scans = sum_of(scans_done);
    if (is_nowhere(port) && sum_of(scans_begun) == scans && all_begun(e) == done)
        find_end(LOST, e, "pending, not masked, and in no queue");
}

/* All events would wait for the next one in another queue. Who put one into an empty queue says
 * so, and then tells. */
static void check_flag(const struct worker *w, unsigned priority)
{
    const struct queues *q = &queues[w->id];
    uint32_t port = LOAD(q->block.head[priority]);
    const struct end *e = LOAD(by_port[port]);
    uint64_t done;

    if (!e)
        return;
    done = all_done(e);
    if ((LOAD(q->block.ready) >> priority & 1) &&
        !LOAD(lm_this_vcpu()->info->evtchn_upcall_pending) &&
        LOAD(q->block.head[priority]) == port && all_begun(e) == done)
        find_end(LOST, e, "the first of its queue, but no upcall is pending");
}

static void check_told(const struct worker *w)
{
    struct queues *q = &queues[w->id];
    uint32_t ready = LOAD(q->block.ready);

    for (unsigned i = 0; i < LOOKED_AT; i++) {
        uint32_t port = ends[q->looked++ % nr_ends].port;

        if (port && is_nowhere(port))
            check_queued(w, port);
    }
    for (; ready && !LOAD(lm_this_vcpu()->info->evtchn_upcall_pending); ready &= ready - 1)
        check_flag(w, (unsigned)__builtin_ctz(ready));
}

/* --- changes --- */

static void opened(struct worker *w, uint32_t port)
{
    set_priority(w, port);
}

static void move(struct worker *w)
{
    struct end *e = own_end(w);

    if (!e)
        return;
    if (choose(w, 2)) {
        move_end(w, e, (unsigned)choose(w, VCPUS));
        return;
    }
    STORE(e->moved_at, PLACING);
    set_priority(w, e->port);
    STORE(e->moved_at, lm_time_ns());
    w->priorities++;
}

static void show(uint32_t port, unsigned vcpu, char *text, size_t size)
{
    const struct vcpu_info *info = &lm_shared_info->vcpu_info[vcpu];

    snprintf(text, size, "word %#x, ready %#x, upcall pending %u, upcalls masked %u",
             LOAD(*word_of(port)), LOAD(queues[vcpu].block.ready),
             LOAD(info->evtchn_upcall_pending), LOAD(info->evtchn_upcall_mask));
}

const struct receiver receiver_fifo = {
    .name = "FIFO",
    .ports = MAX_PORTS,
    .init = init,
    .vcpu_for = vcpu_for,
    .opened = opened,
    .scan = scan,
    .is_pending = is_pending,
    .is_masked = is_masked,
    .set_pending = set_pending,
    .clear_masked = clear_masked,
    .check_told = check_told,
    .move = move,
    .show = show,
};
