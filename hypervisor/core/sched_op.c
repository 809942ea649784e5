/* sched_op: giving up the CPU, waiting for events, and the end of a domain. */
#include "core/hypercall.h"

#define POLL_PORTS_MAX 128u

/* A vCPU that must stop or go down must not wait: nobody would wake it, or for long. */
static bool must_return(struct vcpu *v, const void *)
{
    return evtchn_deliverable(v) || (READ_ONCE(v->work) & (WORK_STOP | WORK_DOWN | WORK_NMI));
}

static long block(struct vcpu *v, void *)
{
    WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
    sched_block(STATE_BLOCKED, must_return, NULL);
    return 0;
}

static long shut_down(struct vcpu *v, struct sched_shutdown *shutdown)
{
    domain_shutdown(v->domain, (uint8_t)shutdown->reason);
    return 0;
}

/* 1: one of the ports is pending; 0: none is; -XEN_EFAULT, or -XEN_EINVAL for a port that is none.
 */
static int scan_ports(struct vcpu *v, const struct sched_poll *poll, uint32_t *last)
{
    for (uint32_t i = 0; i < poll->nr_ports; i++) {
        int rc;

        if (!copy_from_guest(last, guest_ptr_at(poll->ports, i * sizeof(*last)), sizeof(*last)))
            return -XEN_EFAULT;
        rc = evtchn_is_pending(v->domain, *last);
        if (rc)
            return rc;
    }
    return 0;
}

static bool polled_event_came(struct vcpu *v, const void *arg)
{
    const struct sched_poll *poll = arg;
    uint32_t port;

    return must_return(v, NULL) || (poll->timeout && poll->timeout <= arch_now_ns()) ||
           !(READ_ONCE(v->domain->evtchn.pollers) >> v->id & 1) || scan_ports(v, poll, &port) != 0;
}

static long poll(struct vcpu *v, struct sched_poll *poll)
{
    uint64_t self = 1ul << v->id;
    uint32_t port = 0;
    int rc;

    if (poll->nr_ports > POLL_PORTS_MAX)
        return -XEN_EINVAL;
    if (must_return(v, NULL))
        return 0;
    rc = scan_ports(v, poll, &port);
    if (rc)
        return rc < 0 ? rc : 0;

    WRITE_ONCE(v->evtchn.poll_port, poll->nr_ports == 1 ? port : 0);
    __atomic_fetch_or(&v->domain->evtchn.pollers, self, __ATOMIC_SEQ_CST);
    if (poll->timeout)
        timer_set(&v->evtchn.poll_timer, poll->timeout);
    sched_block(STATE_BLOCKED, polled_event_came, poll);
    timer_cancel(&v->evtchn.poll_timer);
    __atomic_fetch_and(&v->domain->evtchn.pollers, ~self, __ATOMIC_SEQ_CST);
    return 0;
}

static __attribute__((noinline)) long waiting_op(uint32_t cmd, guest_ptr_t arg)
{
    static const struct operation ops[] = {
        [SCHEDOP_block] = {block, 0, false},
        [SCHEDOP_shutdown] = OPERATION(shut_down, struct sched_shutdown, false),
        [SCHEDOP_poll] = OPERATION(poll, struct sched_poll, false),
    };

    return operation_call(__HYPERVISOR_sched_op, ops, ARRAY_LEN(ops), cmd, current, arg);
}

long do_sched_op(uint32_t cmd, guest_ptr_t arg)
{
    if (cmd != SCHEDOP_yield)
        return waiting_op(cmd, arg);
    if (!subop_exists(__HYPERVISOR_sched_op, cmd))
        return -XEN_ENOSYS;
    sched_give_way();
    return 0;
}
