#include <lamina/guest.h>
#include "event_fifo.h"

#define PORTS EVTCHN_2L_NR_CHANNELS
#define WORDS (PORTS / 64)

static struct lm_event *events[PORTS];

static struct lm_event **handler_of(uint32_t port)
{
    return port < PORTS ? &events[port] : lm_fifo_handler(port);
}

extern char lm_entry_upcall[];

static bool test_and_clear(uint64_t *bits, uint32_t n)
{
    return __atomic_fetch_and(&bits[n / 64], ~(1ul << n % 64), __ATOMIC_SEQ_CST) >> n % 64 & 1;
}

static void set(uint64_t *bits, uint32_t n)
{
    __atomic_fetch_or(&bits[n / 64], 1ul << n % 64, __ATOMIC_SEQ_CST);
}

static bool test(const uint64_t *bits, uint32_t n)
{
    return __atomic_load_n(&bits[n / 64], __ATOMIC_SEQ_CST) >> n % 64 & 1;
}

static void deliver(uint32_t port, unsigned vcpu)
{
    const struct lm_event *event = __atomic_load_n(&events[port], __ATOMIC_RELAXED);

    /* A word of pending bits can hold ports of other vCPUs, which have their own upcall. */
    if (!event || event->vcpu == vcpu)
        lm_event_deliver(port);
}

static void deliver_word(unsigned word, unsigned vcpu)
{
    struct shared_info *s = lm_shared_info;
    uint64_t ready = __atomic_load_n(&s->evtchn_pending[word], __ATOMIC_SEQ_CST) &
                     ~__atomic_load_n(&s->evtchn_mask[word], __ATOMIC_SEQ_CST);

    for (; ready; ready &= ready - 1)
        deliver(word * 64 + __builtin_ctzl(ready), vcpu);
}

void lm_event_deliver(uint32_t port)
{
    struct lm_event **handler = handler_of(port);
    struct lm_event *event = __atomic_load_n(handler, __ATOMIC_ACQUIRE);

    if (!event) { /* nobody opened it yet: it is kept pending until lm_event_open */
        lm_event_mask(port);
        if (__atomic_load_n(handler,
                            __ATOMIC_SEQ_CST)) /* that came meanwhile: it would stay masked */
            lm_event_unmask(port);
    } else if (lm_event_take(port)) { /* before the handler: what comes while it runs is not lost */
        event->handle(event);
    }
}

/* Each level's "look below" flag is cleared before looking: what arrives later sets it again. */
static void upcall(struct lm_trap_frame *frame)
{
    struct lm_vcpu *v = lm_this_vcpu();

    (void)frame;
    while (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST)) {
        uint64_t words = __atomic_exchange_n(&v->info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

        if (lm_fifo_deliver(v->id))
            continue;
        for (; words; words &= words - 1)
            deliver_word(__builtin_ctzl(words), v->id);
    }
}

void lm_events_init(void)
{
    struct callback_register callback = {
        .type = CALLBACKTYPE_event,
        .address = (uint64_t)lm_entry_upcall,
    };

    for (unsigned i = 0; i < WORDS; i++)
        lm_shared_info->evtchn_mask[i] = ~0ul;
    lm_trap_handle(LM_TRAP_UPCALL, upcall);
    hypercall_callback_op(CALLBACKOP_register, &callback);
    lm_upcalls_unmask();
}

void lm_event_open(struct lm_event *event)
{
    struct lm_event **handler = handler_of(event->port);

    lm_assert(handler && event->handle);
    __atomic_store_n(handler, event, __ATOMIC_RELEASE);
    lm_event_unmask(event->port);
}

void lm_event_close(struct lm_event *event)
{
    struct evtchn_close close = {.port = event->port};

    lm_event_mask(event->port);
    hypercall_event_channel_op(EVTCHNOP_close, &close);
    *handler_of(event->port) = NULL;
}

int lm_event_alloc(uint16_t remote)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = remote};
    long error = hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);

    return error ? (int)error : (int)alloc.port;
}

int lm_event_bind(uint16_t remote, uint32_t remote_port)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = remote, .remote_port = remote_port};
    long error = hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);

    return error ? (int)error : (int)bind.local_port;
}

int lm_event_bind_virq(unsigned virq, unsigned vcpu)
{
    struct evtchn_bind_virq bind = {.virq = virq, .vcpu = vcpu};
    long error = hypercall_event_channel_op(EVTCHNOP_bind_virq, &bind);

    return error ? (int)error : (int)bind.port;
}

int lm_event_bind_ipi(unsigned vcpu)
{
    struct evtchn_bind_ipi bind = {.vcpu = vcpu};
    long error = hypercall_event_channel_op(EVTCHNOP_bind_ipi, &bind);

    return error ? (int)error : (int)bind.port;
}

int lm_event_send(uint32_t port)
{
    struct evtchn_send send = {.port = port};

    return (int)hypercall_event_channel_op(EVTCHNOP_send, &send);
}

void lm_event_mask(uint32_t port)
{
    uint32_t *word = lm_fifo_word(port);

    if (word)
        __atomic_fetch_or(word, 1u << EVTCHN_FIFO_MASKED, __ATOMIC_SEQ_CST);
    else
        set(lm_shared_info->evtchn_mask, port);
}

void lm_event_unmask(uint32_t port)
{
    struct evtchn_unmask unmask = {.port = port};
    struct shared_info *s = lm_shared_info;
    uint32_t *word = lm_fifo_word(port);

    if (word) {
        if (lm_fifo_unmask(word))
            hypercall_event_channel_op(EVTCHNOP_unmask, &unmask);
        return;
    }
    test_and_clear(s->evtchn_mask, port);
    if (test(s->evtchn_pending, port)) {
        /* It may have become pending while masked, and then no one told this vCPU. The hypervisor
         * does so when it finds the port masked. */
        set(s->evtchn_mask, port);
        hypercall_event_channel_op(EVTCHNOP_unmask, &unmask);
    }
}

bool lm_event_take(uint32_t port)
{
    uint32_t pending = 1u << EVTCHN_FIFO_PENDING, *word = lm_fifo_word(port);

    if (word)
        return (__atomic_fetch_and(word, ~pending, __ATOMIC_SEQ_CST) & pending) != 0;
    return test_and_clear(lm_shared_info->evtchn_pending, port);
}

void lm_event_wait(uint32_t port)
{
    struct sched_poll poll = {.ports = &port, .nr_ports = 1};

    while (!lm_event_take(port))
        hypercall_sched_op(SCHEDOP_poll, &poll);
}
