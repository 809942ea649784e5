/* Event channels: ports, binding, closing. */
#include "core/evtchn_internal.h"

static bool virq_is_global(uint32_t virq)
{
    switch (virq) {
    case VIRQ_TIMER:
    case VIRQ_DEBUG:
    case VIRQ_XENOPROF:
    case VIRQ_XENPMU:
        return false;
    default:
        return true;
    }
}

static struct vcpu *vcpu_of(struct domain *d, uint32_t id)
{
    return id < d->nr_vcpus ? d->vcpu[clamp_index(id, MAX_VCPUS)] : NULL;
}

/* b may be NULL or a. */
static void lock_two(struct domain *a, struct domain *b)
{
    if (b && b->id < a->id)
        spin_lock(&b->evtchn.lock);
    spin_lock(&a->evtchn.lock);
    if (b && b->id > a->id)
        spin_lock(&b->evtchn.lock);
}

static void unlock_two(struct domain *a, struct domain *b)
{
    if (b && b != a)
        spin_unlock(&b->evtchn.lock);
    spin_unlock(&a->evtchn.lock);
}

/* The domain's lock is held. Channels up to and including `port` exist afterwards. */
static int grow_to(struct domain *d, uint32_t port)
{
    struct evtchn_domain *e = &d->evtchn;

    if (port >= EVTCHN_PORTS)
        return -XEN_ENOSPC;
    while (e->nr_ports <= port) {
        struct evtchn *page = arch_alloc_pages(0);

        if (!page)
            return -XEN_ENOMEM;
        for (unsigned i = 0; i < EVTCHN_PER_PAGE; i++)
            page[i].port = e->nr_ports + i;
        e->page[e->nr_ports / EVTCHN_PER_PAGE] = page;
        __atomic_store_n(&e->nr_ports, e->nr_ports + EVTCHN_PER_PAGE, __ATOMIC_RELEASE);
    }
    return 0;
}

/* The domain's lock is held. Finds the lowest free port, still CHAN_FREE on return. */
static int find_free(struct domain *d, struct evtchn **found)
{
    uint32_t port = d->evtchn.free_hint;
    struct evtchn *chn;
    int rc;

    if (d->dying)
        return -XEN_EINVAL;
    while ((chn = evtchn_lookup(d, port)) && chn->state != CHAN_FREE)
        port++;
    d->evtchn.free_hint = port;
    if (!chn) {
        rc = grow_to(d, port);
        if (rc)
            return rc;
        chn = evtchn_lookup(d, port);
    }
    chn->notify = d->vcpu[0];
    *found = chn;
    return 0;
}

/* Takes a free channel into use. A sender that was late for its former use may have marked it. */
static void occupy(struct evtchn *chn, enum evtchn_state state)
{
    __atomic_fetch_and(evtchn_pending_word(chn), ~(1ul << chn->port % 64), __ATOMIC_SEQ_CST);
    WRITE_ONCE(chn->state, (uint8_t)state);
}

static void connect(struct evtchn *a, struct evtchn *b)
{
    WRITE_ONCE(a->state, CHAN_INTERDOMAIN);
    WRITE_ONCE(b->state, CHAN_INTERDOMAIN);
    WRITE_ONCE(a->peer, b);
    WRITE_ONCE(b->peer, a);
}

long evtchn_alloc_unbound(struct evtchn_alloc_unbound *arg)
{
    struct domain *d = current->domain, *target = domain_get(arg->dom);
    struct evtchn *chn;
    int rc;

    if (!target)
        return -XEN_ESRCH;
    domain_put(target);
    if (target != d)
        return -XEN_EPERM;

    spin_lock(&d->evtchn.lock);
    rc = find_free(d, &chn);
    if (!rc) {
        chn->remote_domid = arg->remote_dom == DOMID_SELF ? d->id : arg->remote_dom;
        occupy(chn, CHAN_UNBOUND);
        arg->port = chn->port;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

long evtchn_bind_interdomain(struct evtchn_bind_interdomain *arg)
{
    struct domain *d = current->domain, *remote = domain_get(arg->remote_dom);
    struct evtchn *near, *far;
    int rc;

    if (!remote)
        return -XEN_ESRCH;
    lock_two(d, remote);
    rc = find_free(d, &near);
    if (!rc) {
        far = evtchn_lookup(remote, arg->remote_port);
        if (far && far->state == CHAN_UNBOUND && far->remote_domid == d->id) {
            occupy(near, CHAN_INTERDOMAIN);
            connect(near, far);
            /* What was sent before this counts as one event. */
            evtchn_mark_pending(near);
            arg->local_port = near->port;
        } else {
            rc = -XEN_EINVAL;
        }
    }
    unlock_two(d, remote);
    domain_put(remote);
    return rc;
}

long evtchn_bind_virq(struct evtchn_bind_virq *arg)
{
    struct domain *d = current->domain;
    struct vcpu *v;
    struct evtchn *chn;
    uint32_t *slot;
    int rc;

    if (arg->virq >= NR_VIRQS)
        return -XEN_EINVAL;
    if (virq_is_global(arg->virq) && arg->vcpu != 0)
        return -XEN_EINVAL;
    v = vcpu_of(d, arg->vcpu);
    if (!v)
        return -XEN_ENOENT;

    spin_lock(&d->evtchn.lock);
    slot = &v->evtchn.virq_port[clamp_index(arg->virq, NR_VIRQS)];
    rc = *slot ? -XEN_EEXIST : find_free(d, &chn);
    if (!rc) {
        chn->notify = v;
        chn->virq = (uint8_t)arg->virq;
        occupy(chn, CHAN_VIRQ);
        WRITE_ONCE(*slot, chn->port);
        arg->port = chn->port;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

long evtchn_bind_ipi(struct evtchn_bind_ipi *arg)
{
    struct domain *d = current->domain;
    struct vcpu *v = vcpu_of(d, arg->vcpu);
    struct evtchn *chn;
    int rc;

    if (!v)
        return -XEN_ENOENT;
    spin_lock(&d->evtchn.lock);
    rc = find_free(d, &chn);
    if (!rc) {
        chn->notify = v;
        occupy(chn, CHAN_IPI);
        arg->port = chn->port;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

long evtchn_bind_vcpu(struct evtchn_bind_vcpu *arg)
{
    struct domain *d = current->domain;
    struct vcpu *v = vcpu_of(d, arg->vcpu);
    struct evtchn *chn;
    long rc = 0;

    if (!v)
        return -XEN_ENOENT;
    chn = evtchn_lookup(d, arg->port);
    if (!chn)
        return -XEN_EINVAL;

    spin_lock(&d->evtchn.lock);
    switch (chn->state) {
    case CHAN_UNBOUND:
    case CHAN_INTERDOMAIN:
    case CHAN_HYPERVISOR:
        WRITE_ONCE(chn->notify, v);
        break;
    case CHAN_VIRQ:
        if (virq_is_global(chn->virq))
            WRITE_ONCE(chn->notify, v);
        else
            rc = -XEN_EINVAL;
        break;
    default:
        rc = -XEN_EINVAL;
        break;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

/* The domain's lock is held, and the peer's. */
static void release(struct domain *d, struct evtchn *chn)
{
    struct evtchn *peer = chn->peer;

    if (peer) {
        peer->remote_domid = d->id;
        WRITE_ONCE(peer->peer, NULL);
        WRITE_ONCE(peer->state, CHAN_UNBOUND);
        WRITE_ONCE(chn->peer, NULL);
    } else if (chn->state == CHAN_VIRQ) {
        struct vcpu *v = virq_is_global(chn->virq) ? d->vcpu[0] : chn->notify;

        WRITE_ONCE(v->evtchn.virq_port[chn->virq], 0);
    }
    WRITE_ONCE(chn->state, CHAN_FREE);
    __atomic_fetch_and(evtchn_pending_word(chn), ~(1ul << chn->port % 64), __ATOMIC_SEQ_CST);
    d->evtchn.free_hint = MIN(d->evtchn.free_hint, chn->port);
}

static long close_port(struct domain *d, uint32_t port)
{
    struct evtchn *chn = evtchn_lookup(d, port), *peer;
    struct domain *other;
    long rc = 0;

    if (!chn)
        return -XEN_EINVAL;
    for (;;) {
        peer = READ_ONCE(chn->peer);
        other = peer ? peer->notify->domain : NULL;
        lock_two(d, other);
        if (chn->peer == peer)
            break;
        /* It was closed or bound before we had the locks. */
        unlock_two(d, other);
    }
    if (chn->state <= CHAN_RESERVED)
        rc = -XEN_EINVAL;
    else
        release(d, chn);
    unlock_two(d, other);
    return rc;
}

long evtchn_close(struct evtchn_close *arg)
{
    return close_port(current->domain, arg->port);
}

static void describe(const struct evtchn *chn, struct evtchn_status *arg)
{
    arg->vcpu = 0;
    if (chn->state > CHAN_RESERVED)
        arg->vcpu = chn->notify->id;
    switch (chn->state) {
    case CHAN_UNBOUND:
        arg->status = EVTCHNSTAT_unbound;
        arg->u.unbound.dom = chn->remote_domid;
        break;
    case CHAN_INTERDOMAIN:
        arg->status = EVTCHNSTAT_interdomain;
        arg->u.interdomain.dom = chn->peer->notify->domain->id;
        arg->u.interdomain.port = chn->peer->port;
        break;
    case CHAN_HYPERVISOR: /* as if to domain 0, which on Xen runs the console */
        arg->status = EVTCHNSTAT_interdomain;
        arg->u.interdomain.dom = 0;
        arg->u.interdomain.port = 0;
        break;
    case CHAN_VIRQ:
        arg->status = EVTCHNSTAT_virq;
        arg->u.virq = chn->virq;
        break;
    case CHAN_IPI:
        arg->status = EVTCHNSTAT_ipi;
        break;
    default:
        arg->status = EVTCHNSTAT_closed;
        break;
    }
}

long evtchn_status(struct evtchn_status *arg)
{
    struct domain *d = current->domain, *target = domain_get(arg->dom);
    struct evtchn *chn;

    if (!target)
        return -XEN_ESRCH;
    chn = evtchn_lookup(target, arg->port);
    domain_put(target);
    if (!chn)
        return -XEN_EINVAL;
    if (target != d)
        return -XEN_EPERM;

    spin_lock(&d->evtchn.lock);
    describe(chn, arg);
    spin_unlock(&d->evtchn.lock);
    return 0;
}

static void close_all(struct domain *d)
{
    for (uint32_t port = 1; port < READ_ONCE(d->evtchn.nr_ports); port++) {
        close_port(d, port);
        if (port % 64 == 0)
            cond_resched();
    }
}

long evtchn_reset(struct evtchn_reset *arg)
{
    struct domain *d = current->domain, *target = domain_get(arg->dom);

    if (!target)
        return -XEN_ESRCH;
    domain_put(target);
    if (target != d)
        return -XEN_EPERM;
    close_all(d);
    return 0;
}

/* Both domains' locks are held. */
static int claim_wired(struct domain *d, uint32_t port, struct evtchn **found)
{
    int rc;

    if (port == 0 || port >= EVTCHN_PORTS)
        return -XEN_EINVAL;
    rc = grow_to(d, port);
    if (rc)
        return rc;
    *found = evtchn_lookup(d, port);
    if ((*found)->state != CHAN_FREE)
        return -XEN_EEXIST;
    (*found)->notify = d->vcpu[0];
    return 0;
}

int evtchn_wire(struct domain *d1, uint32_t p1, struct domain *d2, uint32_t p2)
{
    struct evtchn *a, *b;
    int rc;

    if (d1 == d2 && p1 == p2)
        return -XEN_EINVAL;
    lock_two(d1, d2);
    rc = claim_wired(d1, p1, &a);
    if (!rc)
        rc = claim_wired(d2, p2, &b);
    if (!rc) {
        occupy(a, CHAN_INTERDOMAIN);
        occupy(b, CHAN_INTERDOMAIN);
        connect(a, b);
    }
    unlock_two(d1, d2);
    return rc;
}

int evtchn_alloc_hypervisor_port(struct domain *d, void (*event)(struct domain *d), uint32_t *port)
{
    struct evtchn *chn;
    int rc;

    spin_lock(&d->evtchn.lock);
    rc = find_free(d, &chn);
    if (!rc) {
        d->evtchn.on_hypervisor_event = event;
        occupy(chn, CHAN_HYPERVISOR);
        *port = chn->port;
    }
    spin_unlock(&d->evtchn.lock);
    return rc;
}

int evtchn_init(struct domain *d)
{
    int rc = grow_to(d, 0);

    if (!rc) {
        d->evtchn.page[0][0].state = CHAN_RESERVED;
        d->evtchn.free_hint = 1;
    }
    return rc;
}

void evtchn_destroy(struct domain *d)
{
    close_all(d);
}

void evtchn_free(struct domain *d)
{
    d->evtchn.nr_ports = 0;
    for (unsigned i = 0; i < ARRAY_LEN(d->evtchn.page); i++) {
        if (d->evtchn.page[i])
            arch_free_pages(d->evtchn.page[i], 0);
        d->evtchn.page[i] = NULL;
    }
}
