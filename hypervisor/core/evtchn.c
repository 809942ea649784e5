/* Event channels: ports, binding, closing. */
#include "core/evtchn_internal.h"
#include "core/hypercall.h"

struct spinlock evtchn_lock;

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

    while ((first = READ_ONCE(e->nr_ports)) <= port && first < EVTCHN_PORTS) {
        struct evtchn *page = arch_alloc_pages(0);

        if (!page)
            return -XEN_ENOMEM;
        for (unsigned i = 0; i < EVTCHN_PER_PAGE; i++)
            page[i].port = first + i;
        spin_lock(&evtchn_lock);
        if (e->nr_ports == first) {
            e->page[first / EVTCHN_PER_PAGE] = page;
            __atomic_store_n(&e->nr_ports, first + EVTCHN_PER_PAGE, __ATOMIC_RELEASE);
            page = NULL;
        }
        spin_unlock(&evtchn_lock);
        arch_free_pages(page, 0); /* NULL: it is in use */
    }
    return 0;
}

/* The lock is held. The channel of the lowest free port, which is still free on return.
 * -XEN_EAGAIN: the port has none yet. */
static int find_free(struct domain *d, struct evtchn **found)
{
    const struct evtchn_domain *e = &d->evtchn;
    unsigned word = 0;

    if (d->dying)
        return -XEN_EINVAL;
    while (word < ARRAY_LEN(e->used) && e->used[word] == ~0ul)
        word++;
    if (word == ARRAY_LEN(e->used))
        return -XEN_ENOSPC;
    *found = evtchn_lookup(d, word * 64 + (unsigned)__builtin_ctzl(~e->used[word]));
    return *found ? 0 : -XEN_EAGAIN;
}

/* Takes a free channel into use. A sender that was late for its former use may have marked it. */
static void occupy(struct evtchn *chn, enum evtchn_state state)
{
    __atomic_fetch_and(evtchn_pending_word(chn), ~(1ul << chn->port % 64), __ATOMIC_SEQ_CST);
    chn->notify->domain->evtchn.used[chn->port / 64] |= 1ul << chn->port % 64;
    WRITE_ONCE(chn->state, (uint8_t)state);
}

static void connect(struct evtchn *a, struct evtchn *b)
{
    WRITE_ONCE(a->state, CHAN_INTERDOMAIN);
    WRITE_ONCE(b->state, CHAN_INTERDOMAIN);
    WRITE_ONCE(a->peer, b);
    WRITE_ONCE(b->peer, a);
}

/* The lock is held. Takes the lowest free port into use as `model` says. */
static int try_open(struct domain *d, const struct evtchn *model, uint32_t *port)
{
    struct evtchn *chn, *peer = model->peer;
    int rc = find_free(d, &chn);

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
    if (model->state == CHAN_VIRQ)
        WRITE_ONCE(*virq_slot(chn), chn->port);
    if (peer) {
        connect(chn, peer);
        /* What was sent before this counts as one event. */
        evtchn_mark_pending(chn);
    }
    *port = chn->port;
    return 0;
}

static int open_port(struct domain *d, const struct evtchn *model, uint32_t *port)
{
    int rc;

    do {
        spin_lock(&evtchn_lock);
        rc = try_open(d, model, port);
        spin_unlock(&evtchn_lock);
    } while (rc == -XEN_EAGAIN && !(rc = grow_to(d, READ_ONCE(d->evtchn.nr_ports))));
    return rc;
}

static long alloc_unbound(struct vcpu *v, struct evtchn_alloc_unbound *arg)
{
    struct domain *d = v->domain;
    const struct evtchn unbound = {
        .state = CHAN_UNBOUND,
        .notify = d->vcpu[0],
        .remote_domid = arg->remote_dom == DOMID_SELF ? d->id : arg->remote_dom,
    };
    int rc = domain_check_own(arg->dom);

    return rc ? rc : open_port(d, &unbound, &arg->port);
}

static long bind_interdomain(struct vcpu *v, struct evtchn_bind_interdomain *arg)
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

static long bind_virq(struct vcpu *v, struct evtchn_bind_virq *arg)
{
    struct evtchn virq = {.state = CHAN_VIRQ, .notify = domain_vcpu(v->domain, arg->vcpu)};

    if (arg->virq >= NR_VIRQS || (virq_is_global(arg->virq) && arg->vcpu != 0))
        return -XEN_EINVAL;
    if (!virq.notify)
        return -XEN_ENOENT;
    virq.virq = (uint8_t)clamp_index(arg->virq, NR_VIRQS);
    return open_port(v->domain, &virq, &arg->port);
}

static long bind_ipi(struct vcpu *v, struct evtchn_bind_ipi *arg)
{
    const struct evtchn ipi = {.state = CHAN_IPI, .notify = domain_vcpu(v->domain, arg->vcpu)};

    return ipi.notify ? open_port(v->domain, &ipi, &arg->port) : -XEN_ENOENT;
}

static long bind_vcpu(struct vcpu *v, struct evtchn_bind_vcpu *arg)
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

    if (peer) {
        peer->remote_domid = d->id;
        WRITE_ONCE(peer->peer, NULL);
        WRITE_ONCE(peer->state, CHAN_UNBOUND);
        WRITE_ONCE(chn->peer, NULL);
    } else if (chn->state == CHAN_VIRQ) {
        WRITE_ONCE(*virq_slot(chn), 0);
    }
    WRITE_ONCE(chn->state, CHAN_FREE);
    __atomic_fetch_and(evtchn_pending_word(chn), ~(1ul << chn->port % 64), __ATOMIC_SEQ_CST);
    d->evtchn.used[chn->port / 64] &= ~(1ul << chn->port % 64);
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

static long close(struct vcpu *v, struct evtchn_close *arg)
{
    return close_port(v->domain, arg->port);
}

static long status(struct vcpu *v, struct evtchn_status *arg)
{
    struct domain *d = v->domain;
    const struct evtchn *chn = evtchn_lookup(d, arg->port);
    int rc = domain_check_own(arg->dom);

    if (rc || !chn)
        return rc ? rc : -XEN_EINVAL;
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

void evtchn_destroy(struct domain *d)
{
    for (uint32_t port = 1; port < READ_ONCE(d->evtchn.nr_ports); port++) {
        close_port(d, port);
        cond_resched_each(64, port);
    }
}

static long reset(struct vcpu *v, struct evtchn_reset *arg)
{
    int rc = domain_check_own(arg->dom);

    if (!rc)
        evtchn_destroy(v->domain);
    return rc;
}

long evtchn_rare_op(uint32_t cmd, guest_ptr_t arg)
{
#define OP(name, results) [EVTCHNOP_##name] = OPERATION(name, struct evtchn_##name, results)
    static const struct operation ops[] = {
        OP(bind_interdomain, true), OP(bind_virq, true), OP(close, false),     OP(status, true),
        OP(alloc_unbound, true),    OP(bind_ipi, true),  OP(bind_vcpu, false), OP(reset, false),
    };

    return operation_call(__HYPERVISOR_event_channel_op, ops, ARRAY_LEN(ops), cmd, current, arg);
}

int evtchn_wire(struct domain *d1, uint32_t p1, struct domain *d2, uint32_t p2)
{
    struct evtchn *a, *b;
    int rc;

    if (MIN(p1, p2) == 0 || MAX(p1, p2) >= EVTCHN_PORTS || (d1 == d2 && p1 == p2))
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
    d->evtchn.used[0] = 1; /* port 0 */
    return grow_to(d, 0);
}

void evtchn_free(struct domain *d)
{
    for (unsigned i = 0; i < ARRAY_LEN(d->evtchn.page); i++)
        arch_free_pages(d->evtchn.page[i], 0);
}
