/* Event channels, the FIFO ABI: for each vCPU a queue of events of each priority, linked by words
 * in pages that the guest lends us and may change at any time. What must be right is kept here:
 * which event is the last of a queue, and in which queue an event was last. Nothing that is read of
 * the guest's says where to look next, and each change of a word is one instruction. */
#include "core/evtchn_internal.h"
#include "core/hypercall.h"

static struct evtchn_queue *queue_of(const struct domain *d, unsigned number)
{
    return &d->vcpu[number / EVTCHN_FIFO_MAX_QUEUES]->evtchn.queue[number % EVTCHN_FIFO_MAX_QUEUES];
}

/* Its page stays until all CPUs have let interrupts in. */
static uint32_t *word_of(const struct domain *d, uint32_t port)
{
    uint32_t nr = __atomic_load_n(&d->evtchn.nr_words, __ATOMIC_ACQUIRE);

    if (port >= nr)
        return NULL;
    port = (uint32_t)clamp_index(port, nr);
    return &d->evtchn.table->words[port / EVTCHN_WORDS_PER_PAGE][port % EVTCHN_WORDS_PER_PAGE];
}

/* Has the event `port` follow the one of this word, if that is still in its queue. The link is 0:
 * the word is the queue's last. Not a loop: the word may change as often as events come and are
 * taken. */
static bool set_link(uint32_t *word, uint32_t port)
{
    if (__atomic_fetch_or(word, port, __ATOMIC_SEQ_CST) & FIFO_LINKED)
        return true;
    __atomic_fetch_and(word, ~FIFO_LINK_MASK, __ATOMIC_SEQ_CST); /* nobody follows it */
    return false;
}

/* Puts the event, which is in no queue now, at the end of the vCPU's of that priority. Whether the
 * guest must be told. */
static bool enqueue(struct vcpu *v, struct evtchn_fifo_control_block *block, struct evtchn *chn,
                    uint32_t *word)
{
    unsigned priority = READ_ONCE(chn->priority);
    struct evtchn_queue *from = queue_of(v->domain, chn->queue), *to = &v->evtchn.queue[priority];
    uint32_t *tail;
    bool linked;

    /* If it was the last there, that queue is empty, and must not go on behind it here. */
    spin_lock(&from->lock);
    if (from->tail == chn->port)
        from->tail = 0;
    spin_unlock(&from->lock);

    chn->queue = (uint16_t)(v->id * EVTCHN_FIFO_MAX_QUEUES + priority);
    spin_lock(&to->lock);
    __atomic_fetch_or(word, FIFO_LINKED, __ATOMIC_SEQ_CST);
    tail = to->tail ? word_of(v->domain, to->tail) : NULL;
    to->tail = chn->port;
    linked = tail && set_link(tail, chn->port);
    if (!linked)
        WRITE_ONCE(block->head[priority], chn->port);
    spin_unlock(&to->lock);
    return !linked && !test_and_set_bit(&block->ready, priority);
}

void evtchn_fifo_update(struct evtchn *chn, bool pending, uint32_t clear)
{
    struct vcpu *v = READ_ONCE(chn->notify);
    struct evtchn_fifo_control_block *block = READ_ONCE(v->evtchn.block);
    uint32_t *word = word_of(v->domain, chn->port);
    bool was_pending = true;

    chn->held = (chn->held || pending) && clear != FIFO_PENDING;
    if (!word)
        return;
    if (clear)
        __atomic_fetch_and(word, ~clear, __ATOMIC_SEQ_CST);
    if (chn->held)
        was_pending = test_and_set_bit(word, EVTCHN_FIFO_PENDING);
    chn->held = false;
    /* Without a control block it has to wait for an unmask, as on Xen. */
    if ((READ_ONCE(*word) & (FIFO_PENDING | FIFO_MASKED | FIFO_LINKED)) == FIFO_PENDING && block &&
        enqueue(v, block, chn, word))
        evtchn_mark_upcall(v);
    if (!was_pending)
        evtchn_wake_pollers(v->domain, chn->port);
}

uint32_t evtchn_fifo_read(struct domain *d, const struct evtchn *chn)
{
    const uint32_t *word = word_of(d, chn->port);

    return word ? READ_ONCE(*word) : 0;
}

/* That interrupts all CPUs, so a domain can have it once a slice. */
static void outlast_others(struct domain *d)
{
    while (arch_now_ns() < d->evtchn.outlast_ns)
        cond_resched();
    d->evtchn.outlast_ns = arch_now_ns() + SCHED_SLICE_NS;
    arch_outlast_others();
}

long evtchn_init_control(struct vcpu *v, struct evtchn_init_control *arg)
{
    struct domain *d = v->domain;
    struct vcpu *of = domain_vcpu(d, arg->vcpu);
    long rc = -XEN_EINVAL;

    if (!of)
        return -XEN_ENOENT;
    if (arg->offset > PAGE_SIZE - sizeof(*of->evtchn.block) || arg->offset % sizeof(uint64_t) != 0)
        return -XEN_EINVAL;
    mutex_lock(&d->page_lock);
    if (!of->evtchn.block && arch_frame_get(mfn(arg->control_gfn), d, true) == 0) {
        char *page = arch_frame_bytes(mfn(arg->control_gfn));

        WRITE_ONCE(of->evtchn.block, (struct evtchn_fifo_control_block *)(page + arg->offset));
        if (!d->evtchn.fifo) {
            WRITE_ONCE(d->evtchn.fifo, true);
            outlast_others(d); /* they mark events in the 2-level way */
        }
        WRITE_ONCE(d->evtchn.max_ports, EVTCHN_FIFO_NR_CHANNELS);
        arg->link_bits = EVTCHN_FIFO_LINK_BITS;
        rc = 0;
    }
    mutex_unlock(&d->page_lock);
    return rc;
}

/* The words from `first` on are new. */
static void tell_held(struct domain *d, uint32_t first)
{
    struct evtchn *chn;

    for (uint32_t port = first;
         port < first + EVTCHN_WORDS_PER_PAGE && (chn = evtchn_lookup(d, port)); port++) {
        uint64_t bit = port < EVTCHN_2L_NR_CHANNELS ? 1ul << port % 64 : 0;

        bit &= __atomic_fetch_and(&d->shared->evtchn_pending[evtchn_word(chn)], ~bit,
                                  __ATOMIC_SEQ_CST);
        spin_lock(&chn->lock);
        if (READ_ONCE(chn->state) != CHAN_FREE)
            evtchn_fifo_update(chn, bit != 0, 0);
        spin_unlock(&chn->lock);
        cond_resched_each(8, port);
    }
}

long evtchn_expand_array(struct vcpu *v, struct evtchn_expand_array *arg)
{
    struct domain *d = v->domain;
    struct evtchn_domain *e = &d->evtchn;
    uint32_t nr;
    long rc = 0;

    mutex_lock(&d->page_lock);
    nr = e->nr_words;
    if (!e->fifo) {
        rc = -XEN_EOPNOTSUPP;
    } else if (nr == EVTCHN_FIFO_NR_CHANNELS) {
        rc = -XEN_ENOSPC;
    } else if (arch_frame_get(mfn(arg->array_gfn), d, true)) {
        rc = -XEN_EINVAL;
    } else {
        e->table->words[nr / EVTCHN_WORDS_PER_PAGE] = arch_frame_bytes(mfn(arg->array_gfn));
        /* Whoever does not see it says that its event is held before we come to the channel. */
        __atomic_store_n(&e->nr_words, nr + (uint32_t)EVTCHN_WORDS_PER_PAGE, __ATOMIC_RELEASE);
        tell_held(d, nr);
    }
    mutex_unlock(&d->page_lock);
    return rc;
}

void evtchn_fifo_end(struct domain *d)
{
    struct evtchn_domain *e = &d->evtchn;
    uint32_t pages = e->nr_words / EVTCHN_WORDS_PER_PAGE;

    if (!e->fifo)
        return;
    WRITE_ONCE(e->fifo, false);
    WRITE_ONCE(e->nr_words, 0);
    outlast_others(d);
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        struct evtchn_vcpu *v = &d->vcpu[i]->evtchn;

        if (v->block)
            arch_frame_put(arch_page_mfn(v->block), true);
        v->block = NULL;
        for (unsigned priority = 0; priority < EVTCHN_FIFO_MAX_QUEUES; priority++)
            v->queue[priority].tail = 0;
        cond_resched();
    }
    for (uint32_t i = 0; i < pages; i++) {
        arch_frame_put(arch_page_mfn(e->table->words[i]), true);
        cond_resched_each(16, i);
    }
}
