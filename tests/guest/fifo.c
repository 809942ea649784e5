/* The FIFO ABI of event channels: its operations, the state of words and queues, order and
 * priorities, many ports, and the way back. vCPU 1 has queues, but does not run. */
#include "check.h"

#define NOT_OURS ((1ul << 40) - 1)
#define PENDING  (1u << EVTCHN_FIFO_PENDING)
#define MASKED   (1u << EVTCHN_FIFO_MASKED)
#define LINKED   (1u << EVTCHN_FIFO_LINKED)
#define STATE    (PENDING | MASKED | LINKED)
#define EVENTS   4u
#define PER_PAGE 1024u
#define A_FEW    5000u /* looking for a free port, Xen looks at all below; or an audit follows */

static bool all_ports;
static struct evtchn_fifo_control_block *block[2];
static uint32_t *words[EVTCHN_FIFO_NR_CHANNELS / PER_PAGE];
static unsigned pages;
static struct lm_event *high_handlers[PER_PAGE];

static struct lm_event event[EVENTS], high;
static unsigned seen[64], nr_seen;

static void note(struct lm_event *e)
{
    seen[nr_seen++ % 64] = e->port;
}

static long op(unsigned cmd, void *arg)
{
    return hypercall_event_channel_op(cmd, arg);
}

static long init_control(uint64_t frame, uint32_t offset, uint32_t vcpu)
{
    struct evtchn_init_control init = {.control_gfn = frame, .offset = offset, .vcpu = vcpu};
    long error = op(EVTCHNOP_init_control, &init);

    return error ? error : init.link_bits;
}

static long expand(uint64_t frame)
{
    struct evtchn_expand_array array = {.array_gfn = frame};

    return op(EVTCHNOP_expand_array, &array);
}

static long bind_vcpu(uint32_t port, uint32_t vcpu)
{
    struct evtchn_bind_vcpu bind = {.port = port, .vcpu = vcpu};

    return op(EVTCHNOP_bind_vcpu, &bind);
}

static long close(uint32_t port)
{
    struct evtchn_close close = {.port = port};

    return op(EVTCHNOP_close, &close);
}

static uint32_t word(uint32_t port)
{
    return *(volatile uint32_t *)&words[port / PER_PAGE][port % PER_PAGE];
}

static void unlink(uint32_t port)
{
    __atomic_fetch_and(&words[port / PER_PAGE][port % PER_PAGE], ~(LINKED | EVTCHN_FIFO_LINK_MASK),
                       __ATOMIC_SEQ_CST);
}

static void add_words(struct lm_event **handlers)
{
    words[pages] = check_page();
    check(lm_event_add_ports(words[pages], handlers), 0, "expand_array: page %u", pages);
    pages++;
}

/* --- before --- */

static void without_it(void)
{
    struct evtchn_set_priority nothing = {.port = 1 << 20};

    check(expand(lm_virt_to_mfn(check_page())), -XEN_EOPNOTSUPP, "2-level: expand_array");
    check(lm_event_set_priority(event[0].port, 3), -XEN_ENOSYS, "2-level: set_priority");
    check(lm_event_set_priority(4000, 3), -XEN_EINVAL, "2-level: set_priority beyond all ports");
    check(op(EVTCHNOP_set_priority, &nothing), -XEN_EINVAL, "2-level: set_priority of port 2^20");
    check(lm_event_set_priority(event[0].port, 16), -XEN_ENOSYS, "2-level: set_priority 16");
}

static void refused_controls(void)
{
    const uint64_t frame = lm_virt_to_mfn(block[0]);

    check(op(EVTCHNOP_init_control, (void *)8), -XEN_EFAULT, "init_control of nothing");
    check(op(EVTCHNOP_expand_array, (void *)8), -XEN_EFAULT, "expand_array of nothing");
    check(op(EVTCHNOP_set_priority, (void *)8), -XEN_EFAULT, "set_priority of nothing");
    check(init_control(frame, 0, 64), -XEN_ENOENT, "init_control of vCPU 64");
    check(init_control(frame, 4, 64), -XEN_ENOENT, "init_control of vCPU 64, bad offset");
    check(init_control(frame, 4, 0), -XEN_EINVAL, "init_control: offset 4");
    check(init_control(frame, 4096 - 64, 0), -XEN_EINVAL, "init_control: across the page's end");
    check(init_control(frame, 4096, 0), -XEN_EINVAL, "init_control: offset 4096");
    check(init_control(frame, ~7u, 0), -XEN_EINVAL, "init_control: offset 2^32 - 8");
    check(init_control(NOT_OURS, 0, 0), -XEN_EINVAL, "init_control: no such frame");
    check(init_control(~0ul, 0, 0), -XEN_EINVAL, "init_control: frame 2^64 - 1");
    check(init_control(lm_virt_to_mfn(lm_boot_root()), 0, 0), -XEN_EINVAL,
          "init_control: a page table");
    check(expand(frame), -XEN_EOPNOTSUPP, "refused init_control leaves the 2-level ABI");
}

/* --- the change --- */

static void change(void)
{
    /* One that waits masked, one in an upcall that is held back. */
    lm_event_mask(event[0].port);
    lm_event_send(event[0].port);
    lm_upcalls_mask();
    lm_event_send(event[1].port);
    check(lm_event_use_fifo(0, block[0]), 0, "init_control");
    check(init_control(lm_virt_to_mfn(block[0]), 512, 0), -XEN_EINVAL, "init_control again");
    check(init_control(lm_virt_to_mfn(block[0]), 512, 1), EVTCHN_FIFO_LINK_BITS,
          "init_control of vCPU 1, same page");
    lm_event_send(event[2].port); /* there is no word for it yet */
    check(nr_seen, 0, "nothing delivered yet");
    check(expand(NOT_OURS), -XEN_EINVAL, "expand_array: no such frame");
    check(expand(lm_virt_to_mfn(lm_boot_root())), -XEN_EINVAL, "expand_array: a page table");
    add_words(NULL);
    check(word(event[0].port) & STATE, PENDING | MASKED, "the masked event stays masked");
    check(word(event[1].port) & STATE, PENDING | LINKED, "the other one is queued");
    check(word(event[2].port) & STATE, PENDING | LINKED, "so is what came meanwhile");
    lm_upcalls_unmask();
    check(nr_seen, 2, "both are delivered");
    check(seen[0], event[1].port, "from the lowest port on");
    lm_event_unmask(event[0].port);
    check(nr_seen, 3, "and the masked one after its unmask");
    check(lm_event_set_priority(0, 3), -XEN_EACCES, "set_priority of port 0");
    check(lm_event_set_priority(20, 3), -XEN_EACCES, "set_priority of a closed port");
    check(lm_event_set_priority(4000, 3), -XEN_EINVAL, "set_priority beyond all ports");
    check(lm_event_set_priority(event[0].port, 16), -XEN_EINVAL, "set_priority 16");
}

/* --- words and queues --- */

static void states(void)
{
    uint32_t port = event[0].port;

    nr_seen = 0;
    lm_event_mask(port);
    lm_event_send(port);
    check(word(port) & STATE, PENDING | MASKED, "masked: pending, in no queue");
    lm_event_send(port);
    check(word(port) & STATE, PENDING | MASKED, "masked: the same again");
    lm_upcalls_mask();
    lm_event_unmask(port);
    check(word(port) & STATE, PENDING | LINKED, "unmask queues it");
    check(block[0]->head[7], port, "as the first of queue 7");
    check(block[0]->ready, 1 << 7, "which is ready");
    lm_event_send(event[1].port);
    check(word(port) & EVTCHN_FIFO_LINK_MASK, event[1].port, "the next is linked to it");
    check(block[0]->head[7], port, "and the first is still that");
    lm_event_mask(port);
    lm_upcalls_unmask();
    check(nr_seen, 1, "masked while it was queued: not delivered");
    check(word(port) & STATE, PENDING | MASKED, "but taken out of the queue");
    lm_event_unmask(port);
    check(nr_seen, 2, "delivered after its unmask");
    check(word(port), 0, "its word is 0 then");
}

static void order(void)
{
    static const unsigned sent[] = {2, 0, 1}, priority[] = {15, 7, 0};

    nr_seen = 0;
    lm_upcalls_mask();
    for (unsigned i = 0; i < 3; i++)
        lm_event_send(event[sent[i]].port);
    lm_event_send(event[2].port);
    lm_upcalls_unmask();
    check(nr_seen, 3, "one priority: each once");
    for (unsigned i = 0; i < 3; i++)
        check(seen[i], event[sent[i]].port, "one priority: in the order sent, %u", i);

    nr_seen = 0;
    for (unsigned i = 0; i < 3; i++)
        check(lm_event_set_priority(event[i].port, priority[i]), 0, "set_priority %u", priority[i]);
    lm_upcalls_mask();
    for (unsigned i = 0; i < 3; i++)
        lm_event_send(event[i].port);
    check(block[0]->ready, 1 << 15 | 1 << 7 | 1 << 0, "three queues are ready");
    lm_upcalls_unmask();
    check(nr_seen, 3, "priorities: each once");
    for (unsigned i = 0; i < 3; i++)
        check(seen[i], event[2 - i].port, "priorities: the most urgent first, %u", i);

    /* event[0] is queued with 15, and stays there for this time. */
    nr_seen = 0;
    lm_upcalls_mask();
    lm_event_send(event[0].port);
    check(lm_event_set_priority(event[0].port, 0), 0, "set_priority of a queued event");
    lm_event_send(event[0].port);
    lm_event_send(event[1].port);
    lm_upcalls_unmask();
    check(seen[0], event[1].port, "changed while queued: the old priority holds");
    lm_upcalls_mask();
    lm_event_send(event[1].port);
    lm_event_send(event[0].port);
    lm_upcalls_unmask();
    check(nr_seen, 4, "each once");
    check(seen[2], event[0].port, "the next time, the new one");
    /* It was the tail of queue 15, which now begins anew. */
    lm_event_set_priority(event[1].port, 15);
    lm_event_send(event[1].port);
    check(nr_seen, 5, "the queue that it left works");
    for (unsigned i = 0; i < 3; i++)
        lm_event_set_priority(event[i].port, 7);
}

static void other_vcpu(void)
{
    int port = lm_event_alloc(DOMID_SELF), end;
    struct evtchn_status status = {.dom = DOMID_SELF};

    check(port > 0, true, "alloc_unbound");
    end = lm_event_bind(DOMID_SELF, port);
    check(word(end) & STATE, PENDING | MASKED, "bind_interdomain: pending at once");
    status.port = end;
    check(op(EVTCHNOP_status, &status), 0, "status");
    check(status.status, EVTCHNSTAT_interdomain, "status: interdomain");
    check(lm_event_take(end), true, "taken");
    check(bind_vcpu(end, 1), 0, "bind_vcpu to vCPU 1");
    check(bind_vcpu(end, 64), -XEN_ENOENT, "bind_vcpu to vCPU 64");
    check(bind_vcpu(event[0].port, 1), -XEN_EINVAL, "bind_vcpu of an IPI");
    lm_event_unmask(end);
    lm_event_send(port);
    check(word(end) & STATE, PENDING | LINKED, "sent: queued");
    check(block[1]->head[7], end, "for vCPU 1");
    check(block[1]->ready, 1 << 7, "whose queue is ready");

    check(bind_vcpu(end, 0), 0, "bind_vcpu while it is queued");
    nr_seen = 0;
    block[0]->head[7] = 0;
    lm_upcalls_mask();
    lm_event_send(port);
    check(block[0]->head[7], 0, "it stays in vCPU 1's queue");
    unlink(end);
    block[1]->ready = 0;
    lm_event_send(port);
    check(word(end) & STATE, PENDING | LINKED, "taken out, sent again: queued");
    check(block[0]->head[7], end, "for vCPU 0");
    check(block[1]->ready, 0, "not for vCPU 1");
    lm_upcalls_unmask(); /* no handler: it gets masked */
    check(word(end) & STATE, PENDING | MASKED, "an event nobody opened gets masked");
    check(close(end), 0, "close");
    check(word(end) & PENDING, 0, "close clears pending");
    check(close(port), 0, "close of the other end");
}

static void polling(void)
{
    uint32_t port = event[0].port;
    struct sched_poll poll = {.ports = &port, .nr_ports = 1};

    lm_event_mask(port);
    lm_event_send(port);
    check(hypercall_sched_op(SCHEDOP_poll, &poll), 0, "poll of a pending port returns");
    check(lm_event_take(port), true, "and leaves it pending");
    poll.timeout = lm_time_ns() + 3000000;
    check(hypercall_sched_op(SCHEDOP_poll, &poll), 0, "poll of one that is not");
    check(lm_time_ns() >= poll.timeout, true, "waits until the timeout");
    lm_event_unmask(port);
}

/* A port that is closed while its event is queued is not given out again before the guest took it
 * out. */
static void closed_while_queued(void)
{
    uint32_t port = lm_event_bind_ipi(0), next;

    lm_upcalls_mask();
    words[0][port] = 0;
    lm_event_send(port);
    check(word(port) & STATE, PENDING | LINKED, "queued");
    check(close(port), 0, "close while it is queued");
    check(word(port) & STATE, LINKED, "not pending, but still in the queue");
    next = lm_event_bind_ipi(0);
    check(next != port, true, "another port comes next");
    lm_upcalls_unmask();
    check(word(port) & STATE, 0, "the guest took it out");
    close(next);
    next = lm_event_bind_ipi(0);
    check(next, port, "then it is free");
    close(next);
}

/* --- many ports --- */

static void many_ports(void)
{
    const uint32_t until = all_ports ? EVTCHN_FIFO_NR_CHANNELS : A_FEW;
    int port = 0;

    while (pages < 5)
        add_words(pages < 4 ? NULL : high_handlers);
    for (uint32_t n = 0; n < until && (port = lm_event_bind_ipi(0)) > 0 && port < (int)until - 1;)
        n++;
    check(port, until - 1, "bound so many ports");
    nr_seen = 0;
    high = (struct lm_event){.handle = note, .port = 4099};
    lm_event_open(&high);
    check(lm_event_set_priority(high.port, 2), 0, "set_priority of port 4099");
    lm_upcalls_mask();
    lm_event_send(event[0].port);
    lm_event_send(high.port);
    check(word(high.port) & STATE, PENDING | LINKED, "port 4099 is queued");
    lm_upcalls_unmask();
    check(nr_seen, 2, "both delivered");
    check(seen[0], high.port, "port 4099 first");
    check(close(until / 2), 0, "close one in the middle");
    check(lm_event_bind_ipi(0), until / 2, "it comes next");
    check(lm_event_send(EVTCHN_FIFO_NR_CHANNELS), -XEN_EINVAL, "send on port 2^17");
    if (!all_ports) {
        check_skip("the last port", "takes too long here");
        return;
    }
    check(lm_event_bind_ipi(0), -XEN_ENOSPC, "no port is left");
    check(lm_event_send(port), 0, "send on the last, which has no word");
    lm_upcalls_mask(); /* the SDK does not learn of the words that follow */
    while (pages < EVTCHN_FIFO_NR_CHANNELS / PER_PAGE - 1) {
        words[pages] = words[4]; /* one page may serve for several */
        if (expand(lm_virt_to_mfn(words[pages++])))
            break;
    }
    words[pages] = check_page();
    check(expand(lm_virt_to_mfn(words[pages++])), 0, "expand_array: the last page");
    check(word(port) & STATE, PENDING | LINKED, "what was sent is queued");
}

static void no_more_words(void)
{
    while (pages < EVTCHN_FIFO_NR_CHANNELS / PER_PAGE) {
        words[pages] = words[4];
        if (expand(lm_virt_to_mfn(words[pages++])))
            break;
    }
    check(pages, EVTCHN_FIFO_NR_CHANNELS / PER_PAGE, "128 pages of words");
    check(expand(lm_virt_to_mfn(words[4])), -XEN_ENOSPC, "expand_array: one too many");
}

/* --- the way back --- */

static void reset(void)
{
    struct evtchn_reset reset = {.dom = DOMID_SELF};
    int port;

    lm_upcalls_mask();
    check(op(EVTCHNOP_reset, &reset), 0, "reset");
    check(expand(lm_virt_to_mfn(words[0])), -XEN_EOPNOTSUPP, "reset: the 2-level ABI again");
    check(lm_event_send(4099), -XEN_EINVAL, "reset: ports are closed");
    port = lm_event_bind_ipi(0);
    check(port, 1, "reset: the first port is free");
    check(lm_event_send(port), 0, "reset: send");
    check(lm_shared_info->evtchn_pending[0] >> port & 1, 1, "reset: pending as in the 2-level ABI");
    check(lm_event_set_priority(port, 1), -XEN_ENOSYS, "reset: set_priority");
    check(init_control(lm_virt_to_mfn(block[0]), 1024, 0), EVTCHN_FIFO_LINK_BITS,
          "reset: init_control works again");
    block[0]->ready = 0;
    words[0] = check_page();
    check(expand(lm_virt_to_mfn(words[0])), 0, "reset: and expand_array");
    check(word(port) & STATE, PENDING | LINKED, "reset: and the pending event carries over");
}

int main(void)
{
    all_ports = on_lamina() && strcmp((const char *)lm_start_info->cmd_line, "few") != 0;
    lm_events_init();
    block[0] = check_page();
    block[1] = (struct evtchn_fifo_control_block *)((char *)block[0] + 512);
    for (unsigned i = 0; i < EVENTS; i++) {
        event[i] = (struct lm_event){.handle = note, .port = lm_event_bind_ipi(0)};
        lm_event_open(&event[i]);
    }
    without_it();
    refused_controls();
    change();
    states();
    order();
    other_vcpu();
    polling();
    closed_while_queued();
    many_ports();
    no_more_words();
    reset();
    return check_done();
}
