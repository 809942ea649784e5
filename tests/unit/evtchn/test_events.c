/* Event channels: pending, mask and notification. */
#include "helpers.h"

#include <string.h>

static uint32_t pa, pb;

static const struct vcpu_info *info(struct domain *d, unsigned vcpu)
{
    return d->vcpu[vcpu]->info;
}

void sending_marks_the_other_end(void **state)
{
    (void)state;
    connect_domains(&pa, &pb);
    assert_int_equal(send(pa), 0);
    assert_true(is_pending(b, pb));
    assert_false(is_pending(a, pa));
    assert_int_equal(info(b, 0)->evtchn_upcall_pending, 1);
    assert_int_equal(info(b, 0)->evtchn_pending_sel, 1ul << pb / 64);
    assert_int_equal(info(b, 1)->evtchn_upcall_pending, 0);
    assert_true(b->vcpu[0]->work & WORK_EVENT);
    assert_true(evtchn_deliverable(b->vcpu[0]));
    b->vcpu[0]->info->evtchn_upcall_mask = 1;
    assert_false(evtchn_deliverable(b->vcpu[0]));
}

void masked_ports_notify_later(void **state)
{
    (void)state;
    connect_domains(&pa, &pb);
    set_mask(b, pb, true);
    assert_int_equal(send(pa), 0);
    assert_true(is_pending(b, pb));
    assert_int_equal(info(b, 0)->evtchn_upcall_pending, 0);
    assert_int_equal(info(b, 0)->evtchn_pending_sel, 0);

    fake_become(b->vcpu[1]);
    assert_int_equal(unmask(pb), 0);
    assert_int_equal(b->shared->evtchn_mask[pb / 64], 0);
    assert_int_equal(info(b, 0)->evtchn_upcall_pending, 1);

    /* Nothing pending, or not masked: unmask does nothing. */
    clear_events(b);
    set_mask(b, pb, true);
    assert_int_equal(unmask(pb), 0);
    assert_int_equal(info(b, 0)->evtchn_upcall_pending, 0);
    b->shared->evtchn_pending[pb / 64] = 1ul << pb % 64;
    assert_int_equal(unmask(pb), 0);
    assert_int_equal(info(b, 0)->evtchn_upcall_pending, 0);
}

void second_send_notifies_once(void **state)
{
    (void)state;
    connect_domains(&pa, &pb);
    send(pa);
    b->vcpu[0]->work = 0;
    send(pa);
    assert_int_equal(b->vcpu[0]->work, 0);
    /* The upcall is on its way already: another port adds only its bits. */
    connect_domains(&pa, &pb);
    send(pa);
    assert_true(is_pending(b, pb));
    assert_int_equal(b->vcpu[0]->work, 0);
    clear_events(b);
    send(pa);
    assert_true(b->vcpu[0]->work & WORK_EVENT);
}

void hostile_bits_hurt_nobody_else(void **state)
{
    struct evtchn_status s;

    (void)state;
    connect_domains(&pa, &pb);
    /* b scribbles over everything that it shares with us. */
    memset(b->shared, 0xff, sizeof(*b->shared));
    assert_int_equal(send(pa), 0);
    assert_int_equal(status(pa, &s), EVTCHNSTAT_interdomain);
    assert_int_equal(info(a, 0)->evtchn_upcall_pending, 0);
    memset(b->shared, 0, sizeof(*b->shared));
    assert_int_equal(send(pa), 0);
    assert_true(is_pending(b, pb));
    fake_become(b->vcpu[0]);
    memset(b->shared, 0x55, sizeof(*b->shared));
    assert_int_equal(close_port(pb), 0);
    assert_false(is_pending(b, pb));
}

static void toggle_mask(void)
{
    set_mask(b, pb, !(b->shared->evtchn_mask[pb / 64] >> pb % 64 & 1));
}

void mask_changes_while_sending(void **state)
{
    (void)state;
    connect_domains(&pa, &pb);
    fake_race = toggle_mask;
    for (unsigned i = 0; i < 10; i++) {
        send(pa);
        assert_true(is_pending(b, pb));
    }
}

static bool deliverable(struct vcpu *v, const void *arg)
{
    (void)arg;
    return evtchn_deliverable(v);
}

static void sleeper(void *arg)
{
    sched_block(STATE_BLOCKED, deliverable, NULL);
    ++*(unsigned *)arg;
}

void sleeping_vcpu_is_woken(void **state)
{
    struct vcpu *idle, *v = b->vcpu[0];
    unsigned woken = 0;

    (void)state;
    connect_domains(&pa, &pb);
    fake_cpu_init();
    assert_true(sched_init_domain(b, 256, 0, ~0ul)); /* anew, as the CPU */
    idle = current;
    fake_give_body(v, sleeper, &woken);
    sched_start(v);
    fake_run(0);
    assert_int_equal(v->sched.state, STATE_BLOCKED);

    fake_become(a->vcpu[0]);
    set_mask(b, pb, true);
    send(pa);
    assert_int_equal(v->sched.state, STATE_BLOCKED);
    fake_become(b->vcpu[1]);
    unmask(pb);
    assert_int_equal(v->sched.state, STATE_RUNNABLE);
    fake_become(idle);
    fake_run(0);
    assert_int_equal(woken, 1);
    fake_cpu_end();
}

void running_vcpu_is_kicked(void **state)
{
    (void)state;
    connect_domains(&pa, &pb);
    b->vcpu[0]->sched.state = STATE_RUNNING; /* on another CPU */
    send(pa);
    assert_int_equal(b->vcpu[0]->arch.kicks, 1);
    send(pa);
    assert_int_equal(b->vcpu[0]->arch.kicks, 1);
    /* Oneself needs no kick. */
    fake_become(b->vcpu[0]);
    clear_events(b);
    send(pa);
    assert_int_equal(b->vcpu[0]->arch.kicks, 1);
}

void ipi_and_virq_reach_their_vcpu(void **state)
{
    uint32_t ipi, timer, dom_exc;

    (void)state;
    assert_int_equal(bind_ipi(1, &ipi), 0);
    assert_int_equal(bind_virq(VIRQ_TIMER, 1, &timer), 0);
    assert_int_equal(bind_virq(VIRQ_DOM_EXC, 0, &dom_exc), 0);

    assert_int_equal(send(ipi), 0);
    assert_true(is_pending(a, ipi));
    assert_int_equal(info(a, 1)->evtchn_upcall_pending, 1);
    clear_events(a);

    evtchn_raise_virq(a->vcpu[1], VIRQ_TIMER);
    assert_true(is_pending(a, timer));
    assert_int_equal(info(a, 1)->evtchn_upcall_pending, 1);
    assert_int_equal(info(a, 0)->evtchn_upcall_pending, 0);
    clear_events(a);
    evtchn_raise_virq(a->vcpu[0], VIRQ_TIMER); /* not bound there */
    assert_int_equal(info(a, 0)->evtchn_upcall_pending, 0);

    /* A global one goes where the port was moved, though it is raised on vCPU 0. */
    assert_int_equal(bind_vcpu(dom_exc, 1), 0);
    evtchn_raise_virq(a->vcpu[0], VIRQ_DOM_EXC);
    assert_int_equal(info(a, 1)->evtchn_upcall_pending, 1);
    clear_events(a);

    assert_int_equal(close_port(timer), 0);
    evtchn_raise_virq(a->vcpu[1], VIRQ_TIMER);
    assert_int_equal(info(a, 1)->evtchn_upcall_pending, 0);
}

static unsigned rung;

static void ring(struct domain *d)
{
    assert_ptr_equal(d, a);
    rung++;
}

void hypervisor_port_rings_both_ways(void **state)
{
    struct evtchn_status s;
    uint32_t port, other;

    (void)state;
    rung = 0;
    assert_int_equal(evtchn_alloc_hypervisor_port(a, ring, &port), 0);
    assert_int_equal(send(port), 0);
    assert_int_equal(rung, 1);
    assert_false(is_pending(a, port));
    evtchn_notify(a, port);
    assert_true(is_pending(a, port));
    assert_int_equal(status(port, &s), EVTCHNSTAT_interdomain);
    assert_int_equal(s.u.interdomain.dom, 0);
    assert_int_equal(bind_vcpu(port, 1), 0);

    /* Others cannot bind to it, and once closed it is the hypervisor's no more. */
    fake_become(b->vcpu[0]);
    assert_int_equal(bind_interdomain(a->id, port, &other), -XEN_EINVAL);
    fake_become(a->vcpu[0]);
    assert_int_equal(close_port(port), 0);
    evtchn_notify(a, port);
    assert_false(is_pending(a, port));
    evtchn_notify(a, EVTCHN_2L_NR_CHANNELS + 5);
    assert_int_equal(alloc_unbound(DOMID_SELF, b->id, &other), 0);
    assert_int_equal(other, port);
    evtchn_notify(a, port);
    assert_false(is_pending(a, port));
    send(port);
    assert_int_equal(rung, 1);
}

void what_cannot_be_sent_on(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(send(0), -XEN_EINVAL);
    assert_int_equal(send(5), -XEN_EINVAL);
    assert_int_equal(send(EVTCHN_2L_NR_CHANNELS - 1), -XEN_EINVAL);
    assert_int_equal(send(EVTCHN_2L_NR_CHANNELS), -XEN_EINVAL);
    assert_int_equal(send(UINT32_MAX), -XEN_EINVAL);
    assert_int_equal(bind_virq(VIRQ_DEBUG, 0, &port), 0);
    assert_int_equal(send(port), -XEN_EINVAL);
    assert_int_equal(alloc_unbound(DOMID_SELF, b->id, &port), 0);
    assert_int_equal(send(port), 0);
    assert_false(is_pending(a, port));
}

void unmask_errors(void **state)
{
    (void)state;
    assert_int_equal(unmask(EVTCHN_2L_NR_CHANNELS), -XEN_EINVAL);
    assert_int_equal(unmask(UINT32_MAX), -XEN_EINVAL);
    assert_int_equal(unmask(5), 0); /* exists, but is free: nothing to do */
}
