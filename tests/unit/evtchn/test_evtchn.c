/* Event channels: binding and closing. */
#include "helpers.h"

#include <string.h>

struct domain *a, *b;

int begin(void **state)
{
    (void)state;
    fake_cpu_init();
    fake_cpu_end();
    a = fake_new_domain(2);
    b = fake_new_domain(2);
    assert_int_equal(evtchn_init(a), 0);
    assert_int_equal(evtchn_init(b), 0);
    fake_become(a->vcpu[0]);
    return 0;
}

static void end_domain(struct domain **d)
{
    if (!*d)
        return;
    (*d)->dying = true;
    evtchn_destroy(*d);
    evtchn_free(*d);
    fake_free_domain(*d);
    *d = NULL;
}

int end(void **state)
{
    (void)state;
    fake_race = NULL;
    fake_become(fake_idle());
    end_domain(&a);
    end_domain(&b);
    fake_memory_end();
    return 0;
}

long alloc_unbound(uint16_t dom, uint16_t remote, uint32_t *port)
{
    struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};
    long rc = do_event_channel_op(EVTCHNOP_alloc_unbound, fake_ptr(&op));

    *port = op.port;
    return rc;
}

long bind_interdomain(uint16_t remote, uint32_t remote_port, uint32_t *port)
{
    struct evtchn_bind_interdomain op = {.remote_dom = remote, .remote_port = remote_port};
    long rc = do_event_channel_op(EVTCHNOP_bind_interdomain, fake_ptr(&op));

    *port = op.local_port;
    return rc;
}

long bind_virq(uint32_t virq, uint32_t vcpu, uint32_t *port)
{
    struct evtchn_bind_virq op = {.virq = virq, .vcpu = vcpu};
    long rc = do_event_channel_op(EVTCHNOP_bind_virq, fake_ptr(&op));

    *port = op.port;
    return rc;
}

long bind_ipi(uint32_t vcpu, uint32_t *port)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};
    long rc = do_event_channel_op(EVTCHNOP_bind_ipi, fake_ptr(&op));

    *port = op.port;
    return rc;
}

long bind_vcpu(uint32_t port, uint32_t vcpu)
{
    struct evtchn_bind_vcpu op = {.port = port, .vcpu = vcpu};

    return do_event_channel_op(EVTCHNOP_bind_vcpu, fake_ptr(&op));
}

long close_port(uint32_t port)
{
    struct evtchn_close op = {.port = port};

    return do_event_channel_op(EVTCHNOP_close, fake_ptr(&op));
}

long send(uint32_t port)
{
    struct evtchn_send op = {.port = port};

    return do_event_channel_op(EVTCHNOP_send, fake_ptr(&op));
}

long unmask(uint32_t port)
{
    struct evtchn_unmask op = {.port = port};

    return do_event_channel_op(EVTCHNOP_unmask, fake_ptr(&op));
}

long reset(uint16_t dom)
{
    struct evtchn_reset op = {.dom = dom};

    return do_event_channel_op(EVTCHNOP_reset, fake_ptr(&op));
}

long status(uint32_t port, struct evtchn_status *s)
{
    long rc;

    *s = (struct evtchn_status){.dom = DOMID_SELF, .port = port};
    rc = do_event_channel_op(EVTCHNOP_status, fake_ptr(s));
    return rc ? rc : (long)s->status;
}

void connect_domains(uint32_t *port_a, uint32_t *port_b)
{
    fake_become(b->vcpu[0]);
    assert_int_equal(alloc_unbound(DOMID_SELF, a->id, port_b), 0);
    fake_become(a->vcpu[0]);
    assert_int_equal(bind_interdomain(b->id, *port_b, port_a), 0);
    assert_true(is_pending(a, *port_a));
    a->shared->evtchn_pending[*port_a / 64] &= ~(1ul << *port_a % 64);
    a->vcpu[0]->info->evtchn_upcall_pending = 0;
    a->vcpu[0]->info->evtchn_pending_sel = 0;
}

bool is_pending(struct domain *d, uint32_t port)
{
    return evtchn_is_pending(d, port) == 1;
}

void set_mask(struct domain *d, uint32_t port, bool masked)
{
    uint64_t bit = 1ul << port % 64;

    if (masked)
        d->shared->evtchn_mask[port / 64] |= bit;
    else
        d->shared->evtchn_mask[port / 64] &= ~bit;
}

void clear_events(struct domain *d)
{
    memset(d->shared->evtchn_pending, 0, sizeof(d->shared->evtchn_pending));
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        d->vcpu[i]->work = 0;
        d->vcpu[i]->info->evtchn_pending_sel = 0;
        d->vcpu[i]->info->evtchn_upcall_pending = 0;
    }
}

/* --- binding --- */

static void lowest_free_port_first(void **state)
{
    uint32_t port[5];

    (void)state;
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(alloc_unbound(DOMID_SELF, b->id, &port[i]), 0);
        assert_int_equal(port[i], i + 1);
    }
    close_port(4);
    close_port(2);
    assert_int_equal(alloc_unbound(DOMID_SELF, b->id, &port[0]), 0);
    assert_int_equal(port[0], 2);
    assert_int_equal(bind_ipi(0, &port[0]), 0);
    assert_int_equal(port[0], 4);
    assert_int_equal(bind_ipi(0, &port[0]), 0);
    assert_int_equal(port[0], 6);
}

static void alloc_unbound_errors(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(alloc_unbound(7, b->id, &port), -XEN_ESRCH);
    assert_int_equal(alloc_unbound(DOMID_XEN, b->id, &port), -XEN_ESRCH);
    assert_int_equal(alloc_unbound(b->id, a->id, &port), -XEN_EPERM);
    assert_int_equal(alloc_unbound(a->id, b->id, &port), 0);
    /* Who may bind need not exist yet. */
    assert_int_equal(alloc_unbound(DOMID_SELF, 12345, &port), 0);
    assert_int_equal(a->refs, 1);
    assert_int_equal(b->refs, 1);
}

static void bind_interdomain_errors(void **state)
{
    struct evtchn_status s;
    uint32_t theirs, port, unused;

    (void)state;
    fake_become(b->vcpu[0]);
    assert_int_equal(alloc_unbound(DOMID_SELF, b->id, &theirs), 0); /* not for a */
    fake_become(a->vcpu[0]);
    assert_int_equal(bind_interdomain(7, theirs, &port), -XEN_ESRCH);
    assert_int_equal(bind_interdomain(b->id, theirs, &port), -XEN_EINVAL);
    assert_int_equal(bind_interdomain(b->id, 0, &port), -XEN_EINVAL);
    assert_int_equal(bind_interdomain(b->id, 99, &port), -XEN_EINVAL);
    assert_int_equal(bind_interdomain(b->id, UINT32_MAX, &port), -XEN_EINVAL);
    /* A refused bind leaves the port that it would have taken free. */
    assert_int_equal(status(1, &s), EVTCHNSTAT_closed);
    connect_domains(&port, &theirs);
    assert_int_equal(port, 1);
    assert_int_equal(bind_interdomain(b->id, theirs, &unused), -XEN_EINVAL); /* bound already */
    assert_int_equal(b->refs, 1);
}

static void both_ends_know_each_other(void **state)
{
    struct evtchn_status s;
    uint32_t pa, pb;

    (void)state;
    connect_domains(&pa, &pb);
    assert_int_equal(status(pa, &s), EVTCHNSTAT_interdomain);
    assert_int_equal(s.u.interdomain.dom, b->id);
    assert_int_equal(s.u.interdomain.port, pb);
    assert_int_equal(s.vcpu, 0);
    fake_become(b->vcpu[1]);
    assert_int_equal(bind_vcpu(pb, 1), 0);
    assert_int_equal(status(pb, &s), EVTCHNSTAT_interdomain);
    assert_int_equal(s.u.interdomain.dom, a->id);
    assert_int_equal(s.u.interdomain.port, pa);
    assert_int_equal(s.vcpu, 1);
}

static void loopback(void **state)
{
    struct evtchn_status s;
    uint32_t one, two;

    (void)state;
    assert_int_equal(alloc_unbound(DOMID_SELF, DOMID_SELF, &one), 0);
    assert_int_equal(bind_interdomain(DOMID_SELF, one, &two), 0);
    clear_events(a);
    assert_int_equal(send(two), 0);
    assert_true(is_pending(a, one));
    assert_int_equal(close_port(two), 0);
    assert_int_equal(status(one, &s), EVTCHNSTAT_unbound);
    assert_int_equal(s.u.unbound.dom, a->id);
}

static void virq_errors(void **state)
{
    struct evtchn_status s;
    uint32_t port, again;

    (void)state;
    assert_int_equal(bind_virq(NR_VIRQS, 0, &port), -XEN_EINVAL);
    assert_int_equal(bind_virq(UINT32_MAX, 0, &port), -XEN_EINVAL);
    assert_int_equal(bind_virq(VIRQ_CONSOLE, 1, &port), -XEN_EINVAL);
    assert_int_equal(bind_virq(VIRQ_TIMER, 2, &port), -XEN_ENOENT);
    assert_int_equal(bind_virq(VIRQ_TIMER, UINT32_MAX, &port), -XEN_ENOENT);
    assert_int_equal(bind_virq(VIRQ_TIMER, 1, &port), 0);
    assert_int_equal(bind_virq(VIRQ_TIMER, 1, &again), -XEN_EEXIST);
    assert_int_equal(status(port, &s), EVTCHNSTAT_virq);
    assert_int_equal(s.u.virq, VIRQ_TIMER);
    assert_int_equal(s.vcpu, 1);
    assert_int_equal(bind_vcpu(port, 0), -XEN_EINVAL); /* belongs to its vCPU */
    assert_int_equal(close_port(port), 0);
    assert_int_equal(bind_virq(VIRQ_TIMER, 1, &again), 0);

    /* A global one that was moved is free again after it was closed. */
    assert_int_equal(bind_virq(VIRQ_DOM_EXC, 0, &port), 0);
    assert_int_equal(bind_vcpu(port, 1), 0);
    assert_int_equal(close_port(port), 0);
    assert_int_equal(bind_virq(VIRQ_DOM_EXC, 0, &port), 0);
}

static void ipi_and_bind_vcpu_errors(void **state)
{
    struct evtchn_status s;
    uint32_t port;

    (void)state;
    assert_int_equal(bind_ipi(2, &port), -XEN_ENOENT);
    assert_int_equal(bind_ipi(1, &port), 0);
    assert_int_equal(status(port, &s), EVTCHNSTAT_ipi);
    assert_int_equal(s.vcpu, 1);
    assert_int_equal(bind_vcpu(port, 0), -XEN_EINVAL);
    assert_int_equal(bind_vcpu(port, 2), -XEN_ENOENT);
    assert_int_equal(bind_vcpu(0, 1), -XEN_EINVAL);
    assert_int_equal(bind_vcpu(50, 1), -XEN_EINVAL);
    assert_int_equal(bind_vcpu(EVTCHN_2L_NR_CHANNELS, 1), -XEN_EINVAL);
}

static void status_errors(void **state)
{
    struct evtchn_status s = {.dom = 7, .port = 1};

    (void)state;
    assert_int_equal(do_event_channel_op(EVTCHNOP_status, fake_ptr(&s)), -XEN_ESRCH);
    s.dom = b->id;
    assert_int_equal(do_event_channel_op(EVTCHNOP_status, fake_ptr(&s)), -XEN_EPERM);
    assert_int_equal(status(EVTCHN_2L_NR_CHANNELS, &s), -XEN_EINVAL);
    assert_int_equal(status(0, &s), EVTCHNSTAT_closed);
    assert_int_equal(status(1, &s), EVTCHNSTAT_closed);
}

/* --- closing --- */

static void close_errors(void **state)
{
    uint32_t port;

    (void)state;
    assert_int_equal(close_port(0), -XEN_EINVAL);
    assert_int_equal(close_port(1), -XEN_EINVAL);
    assert_int_equal(close_port(UINT32_MAX), -XEN_EINVAL);
    assert_int_equal(alloc_unbound(DOMID_SELF, b->id, &port), 0);
    assert_int_equal(close_port(port), 0);
    assert_int_equal(close_port(port), -XEN_EINVAL);
}

static void close_leaves_the_other_end_unbound(void **state)
{
    struct evtchn_status s;
    uint32_t pa, pb, again;

    (void)state;
    connect_domains(&pa, &pb);
    send(pa);
    fake_become(b->vcpu[0]);
    send(pb);
    assert_int_equal(close_port(pb), 0);
    assert_false(is_pending(b, pb)); /* its next user must not see it */
    fake_become(a->vcpu[0]);
    assert_true(is_pending(a, pa));
    assert_int_equal(status(pa, &s), EVTCHNSTAT_unbound);
    assert_int_equal(s.u.unbound.dom, b->id);
    assert_int_equal(send(pa), 0);
    /* b may come back to it. */
    fake_become(b->vcpu[0]);
    assert_int_equal(bind_interdomain(a->id, pa, &again), 0);
    assert_int_equal(again, pb);
    assert_true(is_pending(b, again));
}

static void end_of_a_domain(void **state)
{
    struct evtchn_status s;
    uint32_t pa, pb, port, unused;
    uint16_t id = b->id;

    (void)state;
    connect_domains(&pa, &pb);
    fake_become(b->vcpu[0]);
    assert_int_equal(alloc_unbound(DOMID_SELF, a->id, &port), 0);
    b->dying = true;
    assert_int_equal(alloc_unbound(DOMID_SELF, a->id, &unused), -XEN_EINVAL);
    evtchn_destroy(b);
    fake_become(a->vcpu[0]);
    assert_int_equal(status(pa, &s), EVTCHNSTAT_unbound);
    assert_int_equal(s.u.unbound.dom, id);
    assert_int_equal(send(pa), 0);
    assert_int_equal(bind_interdomain(id, port, &unused), -XEN_EINVAL);
    end_domain(&b);
    assert_int_equal(close_port(pa), 0);
}

static void reset_closes_all(void **state)
{
    struct evtchn_status s;
    uint32_t pa, pb, port;

    (void)state;
    connect_domains(&pa, &pb);
    assert_int_equal(bind_virq(VIRQ_TIMER, 0, &port), 0);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(bind_ipi(0, &port), 0);
    assert_int_equal(reset(7), -XEN_ESRCH);
    assert_int_equal(reset(b->id), -XEN_EPERM);
    assert_int_equal(reset(DOMID_SELF), 0);
    for (uint32_t i = 1; i <= 302; i++)
        assert_int_equal(status(i, &s), EVTCHNSTAT_closed);
    assert_int_equal(bind_virq(VIRQ_TIMER, 0, &port), 0);
    assert_int_equal(port, 1);
    fake_become(b->vcpu[0]);
    assert_int_equal(status(pb, &s), EVTCHNSTAT_unbound);
}

/* The other vCPUs of both domains close and bind between any two steps of ours. */
static uint32_t race_a, race_b;
static bool in_race;

static void close_behind_our_back(void)
{
    struct vcpu *self = current;
    uint32_t port;

    if (in_race)
        return;
    in_race = true;
    fake_become(b->vcpu[1]);
    if (close_port(race_b) == 0)
        alloc_unbound(DOMID_SELF, a->id, &port);
    fake_become(self);
    in_race = false;
}

static void races_with_close(void **state)
{
    (void)state;
    connect_domains(&race_a, &race_b);
    fake_race = close_behind_our_back;
    for (unsigned i = 0; i < 20; i++) {
        struct evtchn_status s;
        uint32_t port;

        send(race_a);
        status(race_a, &s);
        if (bind_interdomain(b->id, race_b, &port) == 0)
            close_port(port);
        if (i % 5 == 4)
            close_port(race_a);
    }
    fake_race = NULL;
}

/* --- limits and arguments --- */

static void all_ports(void **state)
{
    uint32_t port;

    (void)state;
    for (uint32_t i = 1; i < EVTCHN_2L_NR_CHANNELS; i++) {
        assert_int_equal(bind_ipi(0, &port), 0);
        assert_int_equal(port, i);
    }
    assert_int_equal(bind_ipi(0, &port), -XEN_ENOSPC);
    assert_int_equal(alloc_unbound(DOMID_SELF, b->id, &port), -XEN_ENOSPC);
    assert_int_equal(bind_virq(VIRQ_TIMER, 0, &port), -XEN_ENOSPC);
    assert_int_equal(bind_virq(VIRQ_TIMER, 0, &port), -XEN_ENOSPC);
    fake_become(b->vcpu[0]);
    assert_int_equal(alloc_unbound(DOMID_SELF, a->id, &port), 0);
    fake_become(a->vcpu[0]);
    assert_int_equal(bind_interdomain(b->id, port, &port), -XEN_ENOSPC);
    assert_int_equal(send(EVTCHN_2L_NR_CHANNELS - 1), 0);
    assert_true(is_pending(a, EVTCHN_2L_NR_CHANNELS - 1));
    assert_int_equal(close_port(3000), 0);
    assert_int_equal(bind_ipi(0, &port), 0);
    assert_int_equal(port, 3000);
}

static void no_memory(void **state)
{
    uint32_t port;

    (void)state;
    for (uint32_t i = 1; i < EVTCHN_PER_PAGE; i++)
        assert_int_equal(bind_ipi(0, &port), 0);
    fake_pages_left = 0;
    assert_int_equal(bind_ipi(0, &port), -XEN_ENOMEM);
    fake_pages_left = 1;
    assert_int_equal(bind_ipi(0, &port), 0);
    assert_int_equal(port, EVTCHN_PER_PAGE);
}

static void bad_pointers(void **state)
{
    static const uint32_t cmds[] = {EVTCHNOP_bind_interdomain,
                                    EVTCHNOP_bind_virq,
                                    EVTCHNOP_close,
                                    EVTCHNOP_send,
                                    EVTCHNOP_status,
                                    EVTCHNOP_bind_ipi,
                                    EVTCHNOP_alloc_unbound,
                                    EVTCHNOP_unmask,
                                    EVTCHNOP_reset,
                                    EVTCHNOP_bind_vcpu};
    struct evtchn_bind_ipi op = {.vcpu = 0};
    struct evtchn_status s;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cmds); i++)
        assert_int_equal(do_event_channel_op(cmds[i], guest_ptr(16)), -XEN_EFAULT);
    /* A result that cannot be written takes no port. */
    fake_make_readonly(&op, sizeof(op));
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_ipi, fake_ptr(&op)), -XEN_EFAULT);
    fake_make_readonly(NULL, 0);
    assert_int_equal(status(1, &s), EVTCHNSTAT_closed);
}

static void unknown_operations(void **state)
{
    struct evtchn_bind_ipi op = {.vcpu = 0};

    (void)state;
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_pirq, fake_ptr(&op)), -XEN_ENOSYS);
    assert_int_equal(do_event_channel_op(99, fake_ptr(&op)), -XEN_ENOSYS);
    fake_set_subops(false);
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_ipi, fake_ptr(&op)), -XEN_ENOSYS);
}

static void wiring(void **state)
{
    struct evtchn_status s;
    uint32_t port;

    (void)state;
    assert_int_equal(evtchn_wire(a, 7, b, 1000), 0);
    assert_int_equal(evtchn_wire(a, 7, b, 8), -XEN_EEXIST);
    b->dying = true;
    assert_int_equal(evtchn_wire(a, 8, b, 9), -XEN_EINVAL);
    assert_int_equal(evtchn_wire(b, 9, a, 8), -XEN_EINVAL);
    b->dying = false;
    assert_int_equal(evtchn_wire(b, 8, a, 7), -XEN_EEXIST);
    assert_int_equal(evtchn_wire(a, 0, b, 8), -XEN_EINVAL);
    assert_int_equal(evtchn_wire(a, 8, b, EVTCHN_2L_NR_CHANNELS), -XEN_EINVAL);
    assert_int_equal(evtchn_wire(a, 8, a, 8), -XEN_EINVAL);
    assert_int_equal(evtchn_wire(a, 8, a, 9), 0);
    assert_int_equal(status(7, &s), EVTCHNSTAT_interdomain);
    assert_int_equal(s.u.interdomain.port, 1000);
    assert_int_equal(send(7), 0);
    assert_true(is_pending(b, 1000));
    /* Other ports go round them. */
    for (unsigned i = 1; i < 10; i++)
        assert_int_equal(bind_ipi(0, &port), 0);
    assert_int_equal(port, 12);
    fake_pages_left = 0;
    assert_int_equal(evtchn_wire(a, 4000, b, 4000), -XEN_ENOMEM);
    assert_int_equal(status(8, &s), EVTCHNSTAT_interdomain);
}

static void half_built_domain(void **state)
{
    struct domain *d = fake_new_domain(1);

    (void)state;
    fake_pages_left = 0;
    assert_int_equal(evtchn_init(d), -XEN_ENOMEM);
    d->dying = true;
    evtchn_destroy(d);
    evtchn_free(d);
    evtchn_notify(d, 1);
    evtchn_raise_virq(d->vcpu[0], VIRQ_TIMER);
    fake_free_domain(d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lowest_free_port_first),
        TEST(alloc_unbound_errors),
        TEST(bind_interdomain_errors),
        TEST(both_ends_know_each_other),
        TEST(loopback),
        TEST(virq_errors),
        TEST(ipi_and_bind_vcpu_errors),
        TEST(status_errors),
        TEST(close_errors),
        TEST(close_leaves_the_other_end_unbound),
        TEST(end_of_a_domain),
        TEST(reset_closes_all),
        TEST(races_with_close),
        TEST(all_ports),
        TEST(no_memory),
        TEST(bad_pointers),
        TEST(unknown_operations),
        TEST(wiring),
        TEST(half_built_domain),
        TEST(sending_marks_the_other_end),
        TEST(masked_ports_notify_later),
        TEST(second_send_notifies_once),
        TEST(hostile_bits_hurt_nobody_else),
        TEST(mask_changes_while_sending),
        TEST(sleeping_vcpu_is_woken),
        TEST(running_vcpu_is_kicked),
        TEST(ipi_and_virq_reach_their_vcpu),
        TEST(hypervisor_port_rings_both_ways),
        TEST(what_cannot_be_sent_on),
        TEST(unmask_errors),
        TEST(before_the_change),
        TEST(init_control_errors),
        TEST(expand_array_errors),
        TEST(pending_carries_over),
        TEST(held_until_there_is_a_word),
        TEST(states_of_a_word),
        TEST(unmask_queues_what_is_pending),
        TEST(queue_is_a_chain),
        TEST(priorities_have_queues),
        TEST(priority_changes_while_queued),
        TEST(vcpu_changes_while_queued),
        TEST(set_priority_errors),
        TEST(fifo_poll_and_status),
        TEST(linked_ports_are_not_free),
        TEST(all_fifo_ports),
        TEST(fifo_reset),
        TEST(fifo_domain_ends),
        TEST(no_control_block),
        TEST(links_are_not_followed),
        TEST(hostile_writers),
        TEST(late_senders),
        TEST(new_use_gets_no_old_events),
        TEST(asking_about_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
