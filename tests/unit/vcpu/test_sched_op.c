/* sched_op. */
#include "helpers.h"

#include <string.h>

static struct sched_poll poll;
static uint32_t ports[130];
static long result;
static unsigned returns;

static void run(struct vcpu *v, void (*body)(void *arg))
{
    returns = 0;
    result = 1;
    fake_become(fake_idle());
    fake_give_body(v, body, NULL);
    sched_start(v);
    fake_run(0);
}

static void do_poll_op(void *arg)
{
    (void)arg;
    result = do_sched_op(SCHEDOP_poll, fake_ptr(&poll));
    returns++;
}

static void do_block_op(void *arg)
{
    (void)arg;
    result = do_sched_op(SCHEDOP_block, guest_ptr(0));
    returns++;
}

/* An event channel of the domain with itself; sending on it makes ports[i] pending. */
static uint32_t connect_port(unsigned i)
{
    struct evtchn_alloc_unbound u = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};

    assert_int_equal(do_event_channel_op(EVTCHNOP_alloc_unbound, fake_ptr(&u)), 0);
    bind.remote_port = ports[i] = u.port;
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_interdomain, fake_ptr(&bind)), 0);
    memset(d->shared->evtchn_pending, 0, sizeof(d->shared->evtchn_pending));
    d->vcpu[0]->info->evtchn_upcall_pending = 0;
    d->vcpu[0]->info->evtchn_pending_sel = 0;
    return bind.local_port;
}

static void send(uint32_t port)
{
    struct evtchn_send op = {.port = port};

    fake_become(d->vcpu[1]);
    assert_int_equal(do_event_channel_op(EVTCHNOP_send, fake_ptr(&op)), 0);
    fake_become(fake_idle());
    fake_run(0);
}

static void mask(uint32_t port)
{
    d->shared->evtchn_mask[port / 64] |= 1ul << port % 64;
}

void yield_returns(void **state)
{
    (void)state;
    assert_int_equal(do_sched_op(SCHEDOP_yield, guest_ptr(0)), 0);
}

void block_unmasks_and_waits(void **state)
{
    uint32_t near = connect_port(0);

    (void)state;
    d->vcpu[0]->info->evtchn_upcall_mask = 1;
    run(d->vcpu[0], do_block_op);
    assert_int_equal(d->vcpu[0]->info->evtchn_upcall_mask, 0);
    assert_int_equal(returns, 0);
    send(near);
    assert_int_equal(returns, 1);
    assert_int_equal(result, 0);
}

void block_returns_if_pending(void **state)
{
    (void)state;
    d->vcpu[0]->info->evtchn_upcall_mask = 1;
    d->vcpu[0]->info->evtchn_upcall_pending = 1;
    run(d->vcpu[0], do_block_op);
    assert_int_equal(returns, 1);
}

void stopped_domain_does_not_block(void **state)
{
    (void)state;
    run(d->vcpu[0], do_block_op);
    assert_int_equal(returns, 0);
    domain_shutdown(d, SHUTDOWN_crash);
    fake_run(0);
    assert_int_equal(returns, 1);
    run(d->vcpu[1], do_block_op);
    assert_int_equal(returns, 1);
}

void shutdown_codes(void **state)
{
    struct sched_shutdown op = {.reason = SHUTDOWN_reboot};

    (void)state;
    assert_int_equal(do_sched_op(SCHEDOP_shutdown, guest_ptr(8)), -XEN_EFAULT);
    assert_int_equal(d->state, DOMAIN_RUNNING);
    assert_int_equal(do_sched_op(SCHEDOP_shutdown, fake_ptr(&op)), 0);
    assert_int_equal(d->state, DOMAIN_SHUTDOWN);
    assert_int_equal(d->shutdown_code, SHUTDOWN_reboot);
}

static void poll_these(unsigned nr, uint64_t timeout)
{
    poll = (struct sched_poll){.ports = fake_ptr(ports), .nr_ports = nr, .timeout = timeout};
}

void poll_for_one_port(void **state)
{
    uint32_t near = connect_port(0), other = connect_port(1);

    (void)state;
    mask(ports[0]);
    mask(ports[1]);
    poll_these(1, 0);
    run(d->vcpu[0], do_poll_op);
    assert_int_equal(returns, 0);
    send(other);
    assert_int_equal(returns, 0);
    send(near);
    assert_int_equal(returns, 1);
    assert_int_equal(result, 0);
    assert_int_equal(d->evtchn.pollers, 0);
    /* Polling neither clears events nor unmasks them. */
    assert_int_equal(evtchn_is_pending(d, ports[0]), 1);
    assert_int_equal(d->vcpu[0]->info->evtchn_upcall_pending, 0);
}

void poll_for_several_ports(void **state)
{
    uint32_t near[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        near[i] = connect_port(i);
        mask(ports[i]);
    }
    poll_these(3, 0);
    run(d->vcpu[0], do_poll_op);
    assert_int_equal(returns, 0);
    send(near[2]);
    assert_int_equal(returns, 1);
    assert_int_equal(result, 0);
}

void poll_times_out(void **state)
{
    (void)state;
    connect_port(0);
    poll_these(1, fake_now + 5000);
    run(d->vcpu[0], do_poll_op);
    assert_int_equal(returns, 0);
    fake_pass(4999);
    fake_run(0);
    assert_int_equal(returns, 0);
    fake_pass(1);
    fake_run(0);
    assert_int_equal(returns, 1);
    assert_int_equal(result, 0);
    assert_false(timer_is_set(&d->vcpu[0]->evtchn.poll_timer));
}

void poll_returns_at_once(void **state)
{
    (void)state;
    connect_port(0);
    /* It is pending. */
    d->shared->evtchn_pending[ports[0] / 64] |= 1ul << ports[0] % 64;
    poll_these(1, 0);
    assert_int_equal(do_sched_op(SCHEDOP_poll, fake_ptr(&poll)), 0);
    /* The time has passed. */
    d->shared->evtchn_pending[ports[0] / 64] = 0;
    poll_these(1, fake_now);
    run(d->vcpu[0], do_poll_op);
    assert_int_equal(returns, 1);
    assert_int_equal(result, 0);
}

void poll_is_ended_by_an_event(void **state)
{
    uint32_t near = connect_port(1);

    (void)state;
    connect_port(0);
    poll_these(1, 0);
    run(d->vcpu[0], do_poll_op);
    assert_int_equal(returns, 0);
    send(near); /* not polled, but neither masked */
    assert_int_equal(returns, 1);
    assert_int_equal(result, 0);
}

void poll_errors(void **state)
{
    (void)state;
    connect_port(0);
    assert_int_equal(do_sched_op(SCHEDOP_poll, guest_ptr(8)), -XEN_EFAULT);
    poll_these(129, 0);
    assert_int_equal(do_sched_op(SCHEDOP_poll, fake_ptr(&poll)), -XEN_EINVAL);
    poll_these(1, 0);
    poll.ports = guest_ptr(8);
    assert_int_equal(do_sched_op(SCHEDOP_poll, fake_ptr(&poll)), -XEN_EFAULT);
    poll_these(2, 0);
    ports[1] = EVTCHN_2L_NR_CHANNELS;
    assert_int_equal(do_sched_op(SCHEDOP_poll, fake_ptr(&poll)), -XEN_EINVAL);
    assert_int_equal(d->evtchn.pollers, 0);
}

void sched_op_errors(void **state)
{
    (void)state;
    assert_int_equal(do_sched_op(SCHEDOP_watchdog, guest_ptr(0)), -XEN_ENOSYS);
    assert_int_equal(do_sched_op(77, guest_ptr(0)), -XEN_ENOSYS);
    fake_set_subops(false);
    assert_int_equal(do_sched_op(SCHEDOP_yield, guest_ptr(0)), -XEN_ENOSYS);
}
