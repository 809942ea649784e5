/* Event channels: ports, binding, closing. */
#include "core/evtchn_internal.h"
#include "core/hypercall.h"

struct spinlock evtchn_lock = {.rank = RANK_EVENTS};

#define TABLE_ORDER 2
_Static_assert(sizeof(struct evtchn_table) <= PAGE_SIZE << TABLE_ORDER, "it fits");
_Static_assert(sizeof(struct evtchn) * EVTCHN_PER_PAGE <= PAGE_SIZE, "they fit");

#define VIRQS_OF_VCPUS \
    (1u << VIRQ_TIMER | 1u << VIRQ_DEBUG | 1u << VIRQ_XENOPROF | 1u << VIRQ_XENPMU)

static bool virq_is_global(uint32_t virq)
{
    return !(VIRQS_OF_VCPUS >> virq & 1);
}

/* Where it is noted which port a VIRQ is bound to. */
static uint32_t *virq_slot(const struct evtchn *chn)
{
    struct vcpu *v = chn->notify;

    return &(virq_is_global(chn->virq) ? v->domain->vcpu[0] : v)->evtchn.virq_port[chn->virq];
}

/* No lock is held. Channels up to and including `port` exist afterwards. */
static int grow_to(struct domain *d, uint32_t port)
{
    struct evtchn_domain *e = &d->evtchn;
    uint32_t first;

    while ((first = READ_ONCE(e->nr_ports)) <= port && first < EVTCHN_FIFO_NR_CHANNELS) {
        struct evtchn *page = arch_alloc_pages(0);

        if (!page)
            return -XEN_ENOMEM;
        for (unsigned i = 0; i < EVTCHN_PER_PAGE; i++)
            page[i] = (struct evtchn){.port = first + i, .lock.rank = RANK_CHANNEL};
        spin_lock(&evtchn_lock);
        if (e->nr_ports == first) {
            e->table->page[first / EVTCHN_PER_PAGE] = page;
            __atomic_store_n(&e->nr_ports, first + EVTCHN_PER_PAGE, __ATOMIC_RELEASE);
            page = NULL;
        }
        spin_unlock(&evtchn_lock);
        arch_free_pages(page, 0); /* NULL: it is in use */
    }
    return 0;
}

/* The lock is held. The channel of the lowest free port from *page on, which is still free on
 * return. -XEN_EAGAIN: try again from the new *page on, which has no channels yet, or is the next.
 */
static int find_free(struct domain *d, uint32_t *page, struct evtchn **found)
{
    struct evtchn_domain *e = &d->evtchn;
    uint32_t at = MAX(*page, e->room);

    if (d->dying)
        return -XEN_EINVAL;
    while (at < e->max_ports / EVTCHN_PER_PAGE && e->table->used[at] == EVTCHN_PER_PAGE)
        at++;
    if (*page == 0)
        e->room = at;
    *page = at;
    if (at >= e->max_ports / EVTCHN_PER_PAGE)
        return -XEN_ENOSPC;
    if (at * EVTCHN_PER_PAGE >= e->nr_ports)
        return -XEN_EAGAIN;
    for (struct evtchn *chn = e->table->page[at]; chn < e->table->page[at] + EVTCHN_PER_PAGE; chn++)
        /* The guest must have taken it out of the queue in which it was for its former user. */
        if (chn->state == CHAN_FREE && chn->port != 0 &&
            !(e->fifo && (evtchn_fifo_read(d, chn) & FIFO_LINKED))) {
            *found = chn;
            return 0;
        }
    *page = at + 1;
    return -XEN_EAGAIN;
}

static void clear_pending(struct domain *d, struct evtchn *chn)
{
    if (d->evtchn.fifo)
        evtchn_fifo_update(chn, false, FIFO_PENDING);
    else
        __atomic_fetch_and(&d->shared->evtchn_pending[evtchn_word(chn)], ~(1ul << chn->port % 64),
                           __ATOMIC_SEQ_CST);
}

/* Takes a free channel, in which everything else is said, into use. */
static void occupy(struct evtchn *chn, enum evtchn_state state)
{
    WRITE_ONCE(chn->priority, EVTCHN_FIFO_PRIORITY_DEFAULT);
    chn->notify->domain->evtchn.table->used[chn->port / EVTCHN_PER_PAGE]++;
    __atomic_store_n(&chn->state, (uint8_t)state, __ATOMIC_RELEASE);
}

/* `a` is CHAN_INTERDOMAIN already. */
static void connect(struct evtchn *a, struct evtchn *b)
{
    WRITE_ONCE(b->state, CHAN_INTERDOMAIN);
    WRITE_ONCE(a->peer, b);
    WRITE_ONCE(b->peer, a);
}

/* The lock is held. Takes the lowest free port, as find_free, into use as `model` says. */
static int try_open(struct domain *d, const struct evtchn *model, uint32_t *page, uint32_t *port)
{
    struct evtchn *chn, *peer = model->peer;
    int rc = find_free(d, page, &chn);

    if (model->state == CHAN_VIRQ && *virq_slot(model))
        return -XEN_EEXIST;
    if (rc)
        return rc;
    if (peer && (peer->state != CHAN_UNBOUND || peer->remote_domid != d->id))
        return -XEN_EINVAL;
    chn->notify = model->notify;
    chn->virq = model->virq;
    chn->remote_domid = model->remote_domid;
    occupy(chn, model->state);
    if (model->state == CHAN_IPI)
        WRITE_ONCE(chn->peer, chn);
    if (model->state == CHAN_VIRQ)
        WRITE_ONCE(*virq_slot(chn), chn->port);
    if (peer) {
        connect(chn, peer);
        /* What was sent before this counts as one event. */
        evtchn_mark_if(chn, CHAN_INTERDOMAIN);
    }
    *port = chn->port;
    return 0;
}

static int open_port(struct domain *d, const struct evtchn *model, uint32_t *port)
{
    uint32_t page = 0;
    int rc;

    for (;;) {
        spin_lock(&evtchn_lock);
        rc = try_open(d, model, &page, port);
        spin_unlock(&evtchn_lock);
        if (rc != -XEN_EAGAIN || (rc = grow_to(d, page * EVTCHN_PER_PAGE)))
            return rc;
        cond_resched();
    }
}

static long evtchn_alloc_unbound(struct vcpu *v, struct evtchn_alloc_unbound *arg)
{
    struct evtchn unbound = {.state = CHAN_UNBOUND, .remote_domid = arg->remote_dom};
    struct domain *d;
    int rc = domain_get_permitted(arg->dom, PRIV_CONTROL, &d);

    if (rc)
        return rc;
    if (arg->remote_dom == DOMID_SELF)
        unbound.remote_domid = v->domain->id;
    unbound.notify = d->vcpu[0];
    rc = open_port(d, &unbound, &arg->port);
    domain_put(d);
    return rc;
}

static long evtchn_bind_interdomain(struct vcpu *v, struct evtchn_bind_interdomain *arg)
{
    struct domain *d = v->domain, *remote = domain_get(arg->remote_dom);
    struct evtchn end = {.state = CHAN_INTERDOMAIN, .notify = d->vcpu[0]};
    int rc;

    if (!remote)
        return -XEN_ESRCH;
    end.peer = evtchn_lookup(remote, arg->remote_port);
    rc = end.peer ? open_port(d, &end, &arg->local_port) : -XEN_EINVAL;
    domain_put(remote);
    return rc;
}

static long evtchn_bind_virq(struct vcpu *v, struct evtchn_bind_virq *arg)
{
    struct evtchn virq = {.state = CHAN_VIRQ, .notify = domain_vcpu(v->domain, arg->vcpu)};

    if (arg->virq >= NR_VIRQS || (virq_is_global(arg->virq) && arg->vcpu != 0))
        return -XEN_EINVAL;
    if (!virq.notify)
        return -XEN_ENOENT;
    virq.virq = (uint8_t)clamp_index(arg->virq, NR_VIRQS);
    return open_port(v->domain, &virq, &arg->port);
}

static long evtchn_bind_ipi(struct vcpu *v, struct evtchn_bind_ipi *arg)
{
    const struct evtchn ipi = {.state = CHAN_IPI, .notify = domain_vcpu(v->domain, arg->vcpu)};

    return ipi.notify ? open_port(v->domain, &ipi, &arg->port) : -XEN_ENOENT;
}

static long evtchn_set_priority(struct vcpu *v, struct evtchn_set_priority *arg)
{
    struct evtchn *chn = evtchn_lookup(v->domain, arg->port);

    if (!chn)
        return -XEN_EINVAL;
    if (!READ_ONCE(v->domain->evtchn.fifo))
        return -XEN_ENOSYS;
    if (READ_ONCE(chn->state) == CHAN_FREE)
        return -XEN_EACCES;
    if (arg->priority > EVTCHN_FIFO_PRIORITY_MIN)
        return -XEN_EINVAL;
    WRITE_ONCE(chn->priority, (uint8_t)arg->priority);
    return 0;
}

static long evtchn_bind_vcpu(struct vcpu *v, struct evtchn_bind_vcpu *arg)
{
    struct domain *d = v->domain;
    struct vcpu *to = domain_vcpu(d, arg->vcpu);
    struct evtchn *chn = evtchn_lookup(d, arg->port);
    long rc = 0;

    if (!to)
        return -XEN_ENOENT;
    if (!chn)
        return -XEN_EINVAL;

    spin_lock(&evtchn_lock);
    if (chn->state == CHAN_FREE || chn->state == CHAN_IPI ||
        (chn->state == CHAN_VIRQ && !virq_is_global(chn->virq)))
        rc = -XEN_EINVAL;
    else
        WRITE_ONCE(chn->notify, to);
    spin_unlock(&evtchn_lock);
    return rc;
}

/* The lock is held. */
static void release(struct domain *d, struct evtchn *chn)
{
    struct evtchn *peer = chn->peer;

    spin_lock(&chn->lock); /* whoever comes later does not mark it */
    if (peer) {
        peer->remote_domid = d->id;
        WRITE_ONCE(peer->peer, NULL);
        WRITE_ONCE(peer->state, CHAN_UNBOUND);
        WRITE_ONCE(chn->peer, NULL);
    } else if (chn->state == CHAN_VIRQ) {
        WRITE_ONCE(*virq_slot(chn), 0);
    }
    WRITE_ONCE(chn->state, CHAN_FREE);
    clear_pending(d, chn);
    spin_unlock(&chn->lock);
    d->evtchn.table->used[chn->port / EVTCHN_PER_PAGE]--;
    d->evtchn.room = MIN(d->evtchn.room, chn->port / EVTCHN_PER_PAGE);
}

static long close_port(struct domain *d, uint32_t port)
{
    struct evtchn *chn = evtchn_lookup(d, port);
    long rc = 0;

    if (!chn)
        return -XEN_EINVAL;
    spin_lock(&evtchn_lock);
    if (chn->state == CHAN_FREE)
        rc = -XEN_EINVAL;
    else
        release(d, chn);
    spin_unlock(&evtchn_lock);
    return rc;
}

static long evtchn_close(struct vcpu *v, struct evtchn_close *arg)
{
    return close_port(v->domain, arg->port);
}

static int tell_status(struct domain *d, struct evtchn_status *arg)
{
    const struct evtchn *chn = evtchn_lookup(d, arg->port);

    if (!chn)
        return -XEN_EINVAL;
    spin_lock(&evtchn_lock);
    arg->status = chn->state == CHAN_HYPERVISOR ? EVTCHNSTAT_interdomain : chn->state;
    arg->vcpu = chn->state != CHAN_FREE ? chn->notify->id : 0;
    if (chn->state == CHAN_UNBOUND) {
        arg->u.unbound.dom = chn->remote_domid;
    } else if (chn->state == CHAN_VIRQ) {
        arg->u.virq = chn->virq;
    } else if (arg->status == EVTCHNSTAT_interdomain) {
        /* The hypervisor's as if to domain 0, which on Xen runs the console. */
        arg->u.interdomain.dom = chn->peer ? chn->peer->notify->domain->id : 0;
        arg->u.interdomain.port = chn->peer ? chn->peer->port : 0;
    }
    spin_unlock(&evtchn_lock);
    return 0;
}

static long evtchn_status(struct vcpu *, struct evtchn_status *arg)
{
    struct domain *d;
    int rc = domain_get_permitted(arg->dom, PRIV_CONTROL, &d);

    if (rc)
        return rc;
    rc = tell_status(d, arg);
    domain_put(d);
    return rc;
}

void evtchn_destroy(struct domain *d)
{
    mutex_lock(&d->page_lock);
    /* Ports that only the FIFO ABI has must all be closed when it goes. */
    WRITE_ONCE(d->evtchn.max_ports, EVTCHN_2L_NR_CHANNELS);
    for (uint32_t port = 1; port < READ_ONCE(d->evtchn.nr_ports); port++) {
        close_port(d, port);
        cond_resched_each(64, port);
    }
    evtchn_fifo_end(d);
    mutex_unlock(&d->page_lock);
}

/* Only of the own domain: Xen has it for others while they are paused. */
static long evtchn_reset(struct vcpu *v, struct evtchn_reset *arg)
{
    struct domain *d;
    int rc = domain_get_permitted(arg->dom, PRIV_CONTROL, &d);

    if (rc)
        return rc;
    if (d == v->domain)
        evtchn_destroy(d);
    else
        rc = -XEN_EINVAL;
    domain_put(d);
    return rc;
}

long evtchn_rare_op(uint32_t cmd, guest_ptr_t arg)
{
#define OP(name, results) \
    [EVTCHNOP_##name] = OPERATION(evtchn_##name, struct evtchn_##name, results)
    static const struct operation ops[] = {
        OP(bind_interdomain, true), OP(bind_virq, true),     OP(close, false),
        OP(status, true),           OP(alloc_unbound, true), OP(bind_ipi, true),
        OP(bind_vcpu, false),       OP(reset, false),        OP(init_control, true),
        OP(expand_array, false),    OP(set_priority, false),
    };

    return operation_call(__HYPERVISOR_event_channel_op, ops, ARRAY_LEN(ops), cmd, current, arg);
}

int evtchn_wire(struct domain *d1, uint32_t p1, struct domain *d2, uint32_t p2)
{
    struct evtchn *a, *b;
    int rc;

    if (MIN(p1, p2) == 0 || MAX(p1, p2) >= EVTCHN_2L_NR_CHANNELS || (d1 == d2 && p1 == p2))
        return -XEN_EINVAL;
    if ((rc = grow_to(d1, p1)) || (rc = grow_to(d2, p2)))
        return rc;
    spin_lock(&evtchn_lock);
    a = evtchn_lookup(d1, p1);
    b = evtchn_lookup(d2, p2);
    if (d1->dying || d2->dying) {
        rc = -XEN_EINVAL; /* its channels are closed already */
    } else if (a->state != CHAN_FREE || b->state != CHAN_FREE) {
        rc = -XEN_EEXIST;
    } else {
        a->notify = d1->vcpu[0];
        b->notify = d2->vcpu[0];
        occupy(a, CHAN_INTERDOMAIN);
        occupy(b, CHAN_INTERDOMAIN);
        connect(a, b);
    }
    spin_unlock(&evtchn_lock);
    return rc;
}

int evtchn_alloc_hypervisor_port(struct domain *d, void (*event)(struct domain *d), uint32_t *port)
{
    const struct evtchn console = {.state = CHAN_HYPERVISOR, .notify = d->vcpu[0]};

    d->evtchn.on_hypervisor_event = event;
    return open_port(d, &console, port);
}

int evtchn_init(struct domain *d)
{
    d->evtchn.table = arch_alloc_pages(TABLE_ORDER);
    if (!d->evtchn.table)
        return -XEN_ENOMEM;
    d->evtchn.table->used[0] = 1; /* port 0 */
    d->evtchn.max_ports = EVTCHN_2L_NR_CHANNELS;
    return grow_to(d, 0);
}

void evtchn_free(struct domain *d)
{
    for (uint32_t i = 0; i < d->evtchn.nr_ports / EVTCHN_PER_PAGE; i++) {
        arch_free_pages(d->evtchn.table->page[i], 0);
        cond_resched_each(32, i);
    }
    arch_free_pages(d->evtchn.table, TABLE_ORDER);
}
