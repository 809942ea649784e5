/* Binding ports, closing them, binding anew, and moving them to other vCPUs. */
#include "stress.h"

struct pair pairs[DOMAINS - 1];
struct end ends[MAX_ENDS];
unsigned nr_ends;
struct end *by_port[MAX_PORTS];

static uint32_t arranging;

bool try_arranging(void)
{
    return __atomic_exchange_n(&arranging, 1, __ATOMIC_SEQ_CST) == 0;
}

void start_arranging(void)
{
    while (!try_arranging())
        lm_yield();
}

void stop_arranging(void)
{
    STORE(arranging, 0);
}

static void bind_vcpu(uint32_t port, unsigned vcpu)
{
    struct evtchn_bind_vcpu bind = {.port = port, .vcpu = vcpu};
    long error = hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind);

    if (error)
        find(REFUSED, "bind_vcpu of port %u to vCPU %u: %ld", port, vcpu, error);
}

/* A free port is masked, so what marks a new one pending before this tells nobody. */
static void open_end(struct worker *w, struct end *e, uint32_t port)
{
    unsigned vcpu = receiver->vcpu_for(w, port);

    if (e->channel && vcpu != 0)
        bind_vcpu(port, vcpu);
    receiver->opened(w, port);
    STORE(e->port, port);
    STORE(e->vcpu, vcpu);
    STORE(e->moved_at, lm_time_ns());
    if (e->channel)
        STORE(e->channel->port[e->pair->side], port);
    STORE(by_port[port], e);
    unmask_end(w, e);
}

/* What the vCPU that had it knows of the end is there for the next one when `vcpu` is. */
void move_end(struct worker *w, struct end *e, unsigned vcpu)
{
    lm_event_mask(e->port);
    STORE(e->moved_at, PLACING);
    if (!faulty(w, NOT_MOVED))
        bind_vcpu(e->port, vcpu);
    STORE(e->vcpu, vcpu);
    STORE(e->moved_at, lm_time_ns());
    unmask_end(w, e);
    w->moves++;
}

struct end *own_end(struct worker *w)
{
    for (unsigned i = 0; i < 4 * VCPUS; i++) {
        struct end *e = &ends[choose(w, nr_ends)];

        if (LOAD(e->vcpu) == w->id && e->channel && LOAD(e->port))
            return e;
    }
    return NULL;
}

void close_one(struct worker *w)
{
    struct end *e = own_end(w);
    struct evtchn_close close;
    long error;

    if (w->closed || !e || __atomic_exchange_n(&e->channel->arranger, 1, __ATOMIC_SEQ_CST))
        return;
    close.port = e->port;
    lm_event_mask(close.port);
    STORE(e->moved_at, PLACING);
    STORE(by_port[close.port], NULL);
    STORE(e->port, 0);
    while (LOAD(e->users))
        lm_yield();
    error = hypercall_event_channel_op(EVTCHNOP_close, &close);
    if (error)
        find(REFUSED, "close of port %u: %ld", close.port, error);
    w->closed = e;
    w->closes++;
}

/* The other end stayed, and is ours to bind to. */
static void bind_end(struct worker *w, struct end *e)
{
    int port;

    ADD(e->marks_begun, 1);
    port = lm_event_bind(e->pair->peer, LOAD(e->channel->port[!e->pair->side]));
    ADD(e->marks_done, 1);
    if (port > 0)
        open_end(w, e, (uint32_t)port);
    else
        find(REFUSED, "bind to port %u of domain %u: %d", e->channel->port[!e->pair->side],
             e->pair->peer, port);
}

void reopen(struct worker *w)
{
    struct end *e = w->closed;

    if (!e)
        return;
    start_arranging();
    bind_end(w, e);
    stop_arranging();
    STORE(e->channel->arranger, 0);
    w->closed = NULL;
}

/* --- the beginning: vCPU 0 alone --- */

/* The IPIs of a vCPU are a word of ports: ports up to there are taken, and given back. */
static void bind_ipis(struct worker *w)
{
    uint32_t filled[64], count = 0;
    int port;

    do {
        port = lm_event_alloc(DOMID_SELF);
        lm_assert(port > 0 && port < 64);
        filled[count++] = (uint32_t)port;
    } while (port < 63);
    for (unsigned i = 0; i < VCPUS * IPIS; i++) {
        struct end *e = &ends[nr_ends++];
        static struct lane lanes[VCPUS * IPIS];

        e->number = i;
        e->in = e->out = &lanes[i];
        port = lm_event_bind_ipi(i / IPIS);
        lm_assert(port == 64 + (int)i);
        open_end(w, e, (uint32_t)port);
    }
    while (count)
        lm_assert(hypercall_event_channel_op(EVTCHNOP_close, &filled[--count]) == 0);
}

static void add_end(struct pair *pair, struct channel *channel, unsigned number)
{
    struct end *e = &ends[nr_ends++];

    e->pair = pair;
    e->number = number;
    e->channel = channel;
    e->in = &channel->to[pair->side];
    e->out = &channel->to[!pair->side];
    if (number == 0)
        pair->ends = e;
}

/* Calls add_end for each channel of a page. */
static void add_page(struct pair *pair, struct channel *page, unsigned first)
{
    for (unsigned i = 0; i < CHANNELS_PER_PAGE && first + i < options.channels; i++)
        add_end(pair, &page[i], first + i);
}

static void offer(struct worker *w, struct pair *pair, uint32_t reference)
{
    static struct lm_grants grants;
    static char area[4][LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
    struct directory *directory = check_page();

    if (!grants.table)
        lm_assert(lm_grants_init(&grants, area, 4) == 0);
    pair->directory = directory;
    for (unsigned i = 0; i * CHANNELS_PER_PAGE < options.channels; i++) {
        void *page = check_page();
        int ref = lm_grant_access(&grants, pair->peer, lm_virt_to_mfn(page), false);

        lm_assert(ref > 0);
        directory->reference[i] = (uint32_t)ref;
        add_page(pair, page, i * CHANNELS_PER_PAGE);
    }
    for (unsigned i = 0; i < options.channels; i++) {
        int port = lm_event_alloc(pair->peer);

        lm_assert(port > 0);
        open_end(w, &pair->ends[i], (uint32_t)port);
    }
    STORE(directory->ready, 1);
    lm_assert(
        lm_grant_access_at(&grants, reference, pair->peer, lm_virt_to_mfn(directory), false) == 0);
}

static void *map(struct pair *pair, uint32_t reference)
{
    struct lm_grant_mapping mapping;
    void *page = check_page();

    lm_assert(lm_map(page, 0) == 0);
    while (lm_grant_map(&mapping, pair->peer, reference, page, false) != 0)
        nap(); /* until it is granted */
    return page;
}

static void accept(struct worker *w, struct pair *pair, uint32_t reference)
{
    pair->directory = map(pair, reference);
    lm_assert(LOAD(pair->directory->ready) == 1);
    for (unsigned i = 0; i * CHANNELS_PER_PAGE < options.channels; i++)
        add_page(pair, map(pair, pair->directory->reference[i]), i * CHANNELS_PER_PAGE);
    for (unsigned i = 0; i < options.channels; i++)
        bind_end(w, &pair->ends[i]);
    STORE(pair->directory->ready, 2);
}

/* Wires are called by their two domains: "ab", "ac", "bc" ... First all that is waited for. */
void setup(void)
{
    struct lamina_wire wires[DOMAINS - 1];
    struct worker *w = &workers[0];
    unsigned i = 0;

    for (unsigned other = 0; other < DOMAINS; other++) {
        unsigned first = other < options.self ? other : options.self;

        if (other == options.self)
            continue;
        pairs[i].name[0] = (char)('a' + first);
        pairs[i].name[1] = (char)('a' + options.self + other - first);
        wires[i] = lm_wire_need(pairs[i].name, LAMINA_WIRE_shared_page);
        pairs[i].side = wires[i].role;
        pairs[i].peer = wires[i].peer;
        i++;
    }
    lm_assert(lm_pool_add_all_memory(check_pool()) == 0);
    bind_ipis(w);
    for (i = 0; i < DOMAINS - 1; i++)
        if (wires[i].role == LAMINA_WIRE_first)
            offer(w, &pairs[i], wires[i].id);
    for (i = 0; i < DOMAINS - 1; i++)
        if (wires[i].role == LAMINA_WIRE_second)
            accept(w, &pairs[i], wires[i].id);
    for (i = 0; i < DOMAINS - 1; i++)
        while (LOAD(pairs[i].directory->ready) != 2)
            nap();
}
