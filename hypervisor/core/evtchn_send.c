/* Event channels, the frequent half: marking events pending. */
#include "core/evtchn_internal.h"
#include "core/hypercall.h"

void evtchn_mark_upcall(struct vcpu *v)
{
    if (__atomic_exchange_n(&v->info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST))
        return;
    __atomic_fetch_or(&v->work, WORK_EVENT, __ATOMIC_SEQ_CST);
    if (v != current)
        sched_notice(v);
}

static void notify_vcpu(struct vcpu *v, unsigned word)
{
    if (!test_and_set_bit(&READ_ONCE(v->info)->evtchn_pending_sel, word))
        evtchn_mark_upcall(v);
}

/* Each is woken once. */
__attribute__((noinline)) void evtchn_wake_pollers(struct domain *d, uint32_t port)
{
    for (uint64_t left = READ_ONCE(d->evtchn.pollers); left; left &= left - 1) {
        struct vcpu *v = d->vcpu[__builtin_ctzl(left)];
        uint32_t polled = READ_ONCE(v->evtchn.poll_port);
        uint64_t bit = left & -left;

        if ((polled == 0 || polled == port) &&
            __atomic_fetch_and(&d->evtchn.pollers, ~bit, __ATOMIC_SEQ_CST) & bit)
            sched_wake(v);
    }
}

static __attribute__((noinline)) void mark_fifo_and_unlock(struct evtchn *chn)
{
    evtchn_fifo_update(chn, true, 0);
    spin_unlock(&chn->lock);
}

/* The channel is locked, and is marked if it is still the one that is meant; a vCPU that is told of
 * an event that was cleared meanwhile finds none. Inline, as sending is mostly this. */
static inline void mark_and_unlock(struct evtchn *chn, bool still)
{
    if (unlikely(!still)) {
        spin_unlock(&chn->lock);
        return;
    }

    struct domain *d = READ_ONCE(chn->notify)->domain;
    struct shared_info *shared = d->shared;
    uint32_t port = chn->port;
    unsigned word = evtchn_word(chn), bit = port % 64;

    if (unlikely(d->evtchn.fifo)) { /* as plain reads these two take an instruction less each */
        mark_fifo_and_unlock(chn);
        return;
    }
    if (test_and_set_bit(&shared->evtchn_pending[word], bit)) {
        spin_unlock(&chn->lock);
        return;
    }
    spin_unlock(&chn->lock);
    if (!(READ_ONCE(shared->evtchn_mask[word]) >> bit & 1))
        notify_vcpu(READ_ONCE(chn->notify), word); /* whom bind_vcpu named before it was pending */
    if (unlikely(d->evtchn.pollers))
        evtchn_wake_pollers(d, port);
}

void evtchn_mark_if(struct evtchn *chn, enum evtchn_state state)
{
    spin_lock(&chn->lock);
    mark_and_unlock(chn, READ_ONCE(chn->state) == state);
}

static int send(struct domain *d, uint32_t port)
{
    struct evtchn *chn = evtchn_lookup(d, port), *peer;

    if (unlikely(!chn))
        return -XEN_EINVAL;
    peer = READ_ONCE(chn->peer);
    if (likely(peer)) {
        spin_lock(&peer->lock);
        mark_and_unlock(peer, READ_ONCE(chn->peer) == peer);
        return 0;
    }

    switch (READ_ONCE(chn->state)) {
    case CHAN_HYPERVISOR:
        d->evtchn.on_hypervisor_event(d);
        return 0;
    case CHAN_UNBOUND:
    case CHAN_INTERDOMAIN: /* the other end went just now */
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

static int unmask(struct domain *d, uint32_t port)
{
    struct evtchn *chn = evtchn_lookup(d, port);
    unsigned word, bit;
    uint64_t masked;

    if (unlikely(!chn))
        return -XEN_EINVAL;
    word = evtchn_word(chn); /* not of the guest's number: the look-up clamped that */
    bit = chn->port % 64;
    if (READ_ONCE(chn->state) == CHAN_FREE)
        return 0;
    if (READ_ONCE(d->evtchn.fifo)) {
        spin_lock(&chn->lock);
        evtchn_fifo_update(chn, false, FIFO_MASKED);
        spin_unlock(&chn->lock);
        return 0;
    }
    masked = __atomic_fetch_and(&d->shared->evtchn_mask[word], ~(1ul << bit), __ATOMIC_SEQ_CST);
    if ((masked & READ_ONCE(d->shared->evtchn_pending[word])) >> bit & 1)
        notify_vcpu(READ_ONCE(chn->notify), word);
    return 0;
}

/* The frequent ones by themselves: their argument is a port number alone. */
__attribute__((flatten)) long do_event_channel_op(uint32_t cmd, guest_ptr_t arg)
{
    struct domain *d = current->domain;
    uint32_t port;

    if (cmd != EVTCHNOP_send && cmd != EVTCHNOP_unmask)
        return evtchn_rare_op(cmd, arg);
    if (!subop_exists(__HYPERVISOR_event_channel_op, cmd))
        return -XEN_ENOSYS;
    if (!copy_from_guest(&port, arg, sizeof(port)))
        return -XEN_EFAULT;
    return cmd == EVTCHNOP_send ? send(d, port) : unmask(d, port);
}

void evtchn_raise_virq(struct vcpu *v, unsigned virq)
{
    const uint32_t *slot = &v->evtchn.virq_port[virq];
    uint32_t port = READ_ONCE(*slot);
    struct evtchn *chn = port ? evtchn_lookup(v->domain, port) : NULL;

    if (!chn)
        return;
    spin_lock(&chn->lock);
    mark_and_unlock(chn, READ_ONCE(*slot) == port);
}

void evtchn_notify(struct domain *d, uint32_t port)
{
    struct evtchn *chn = evtchn_lookup(d, port);

    if (chn)
        evtchn_mark_if(chn, CHAN_HYPERVISOR);
}

bool evtchn_deliverable(struct vcpu *v)
{
    const struct vcpu_info *info = READ_ONCE(v->info);

    return READ_ONCE(info->evtchn_upcall_pending) && !READ_ONCE(info->evtchn_upcall_mask);
}

int evtchn_is_pending(struct domain *d, uint32_t port)
{
    const struct evtchn *chn = evtchn_lookup(d, port);

    if (!chn)
        return -XEN_EINVAL;
    if (READ_ONCE(d->evtchn.fifo))
        return (evtchn_fifo_read(d, chn) & FIFO_PENDING) != 0;
    return READ_ONCE(d->shared->evtchn_pending[evtchn_word(chn)]) >> (chn->port % 64) & 1;
}
