/* vcpu_op and set_timer_op. */
#include "core/hypercall.h"
#include "lib/string.h"

#define PERIOD_MIN_NS 1000000ul

#define CONTEXT_ORDER 1
_Static_assert(sizeof(struct vcpu_guest_context) <= PAGE_SIZE << CONTEXT_ORDER, "it fits");

/* A deadline further away than this comes from a guest's arithmetic that wrapped. Old Linux kernels
 * have it with work to do as well as with none, hence the compromise: wake them soon, but not at
 * once. */
#define FAR_AHEAD_NS   (1ul << 50)
#define INSTEAD_FAR_NS 100000000ul

static void singleshot_fired(struct timer *t)
{
    evtchn_raise_virq(container_of(t, struct vcpu, singleshot), VIRQ_TIMER);
}

/* Also when the vCPU begins to run. The timer is set only while it does: ticks of those that sleep
 * would take the CPU from others, and nobody would answer for it. */
static void tick(struct timer *t)
{
    struct vcpu *v = container_of(t, struct vcpu, periodic);
    uint64_t now = arch_now_ns(), period = READ_ONCE(v->periodic_ns);

    if (!period)
        return;
    if (v->tick_ns <= now) {
        evtchn_raise_virq(v, VIRQ_TIMER);
        /* Ticks that were missed are not made up for. */
        v->tick_ns += period;
        if (v->tick_ns <= now)
            v->tick_ns = now + period;
    }
    timer_set(t, v->tick_ns);
}

static void poll_timed_out(struct timer *t)
{
    sched_wake(container_of(t, struct vcpu, evtchn.poll_timer));
}

void vcpu_init_timers(struct vcpu *v)
{
    timer_init(&v->singleshot, singleshot_fired);
    timer_init(&v->periodic, tick);
    timer_init(&v->evtchn.poll_timer, poll_timed_out);
}

void vcpu_retire(struct vcpu *v)
{
    timer_cancel(&v->singleshot);
    timer_cancel(&v->periodic);
    timer_cancel(&v->evtchn.poll_timer);
    WRITE_ONCE(v->info, &v->own_info);
}

void vcpu_release_info(struct vcpu *v)
{
    if (!mfn_equal(v->info_frame, INVALID_MFN))
        arch_frame_put(v->info_frame, true);
    v->info_frame = INVALID_MFN;
}

long do_set_timer_op(uint64_t timeout)
{
    struct vcpu *v = current;
    uint64_t now;

    if (timeout == 0) {
        timer_cancel(&v->singleshot);
        return 0;
    }
    now = arch_now_ns();
    if (timeout > now && timeout - now >= FAR_AHEAD_NS)
        timeout = now + INSTEAD_FAR_NS;
    timer_set(&v->singleshot, timeout);
    return 0;
}

/* Two at once: the second is told that it is done, whatever comes of the first. */
static long initialise_with(struct vcpu *v, const struct vcpu_guest_context *c)
{
    uint8_t made = VCPU_NEW;
    long rc;

    if (!__atomic_compare_exchange_n(&v->made, &made, VCPU_BEING_INITIALISED, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return -XEN_EEXIST;
    rc = arch_vcpu_initialise(v, c);
    __atomic_store_n(&v->made, rc ? VCPU_NEW : VCPU_INITIALISED, __ATOMIC_RELEASE);
    return rc;
}

static long initialise(struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_guest_context *c = arch_alloc_pages(CONTEXT_ORDER);
    long rc = -XEN_ENOMEM;

    if (c)
        rc = copy_from_guest(c, arg, sizeof(*c)) ? initialise_with(v, c) : -XEN_EFAULT;
    arch_free_pages(c, CONTEXT_ORDER);
    return rc;
}

static long up(struct vcpu *v, void *)
{
    if (__atomic_load_n(&v->made, __ATOMIC_ACQUIRE) != VCPU_INITIALISED)
        return -XEN_EINVAL;
    domain_vcpu_up(v);
    return 0;
}

static long down(struct vcpu *v, void *)
{
    domain_vcpu_down(v);
    return 0;
}

static long is_up(struct vcpu *v, void *)
{
    return v->up;
}

static long register_vcpu_info(struct vcpu *v, struct vcpu_register_vcpu_info *reg)
{
    struct vcpu_info *info;
    long rc = -XEN_EINVAL;

    if (reg->offset > PAGE_SIZE - sizeof(*info) || reg->offset % sizeof(uint64_t) != 0 ||
        (v != current && v->up))
        return -XEN_EINVAL;

    spin_lock(&evtchn_lock);
    if (mfn_equal(v->info_frame, INVALID_MFN) &&
        arch_frame_get(mfn(reg->mfn), v->domain, true) == 0) {
        info = (struct vcpu_info *)((char *)arch_frame_bytes(mfn(reg->mfn)) + reg->offset);
        memmove(info, v->info, sizeof(*info)); /* it may be the same page */
        v->info_frame = mfn(reg->mfn);
        __atomic_store_n(&v->info, info, __ATOMIC_SEQ_CST);
        /* Whoever marked an event in the old place after the copy: say that anything may be
         * pending. */
        WRITE_ONCE(info->evtchn_pending_sel, ~0ul);
        WRITE_ONCE(info->evtchn_upcall_pending, 0);
        evtchn_mark_upcall(v);
        rc = 0;
    }
    spin_unlock(&evtchn_lock);
    return rc;
}

static long get_runstate_info(struct vcpu *v, struct vcpu_runstate_info *info)
{
    *info = sched_runstate(v, arch_now_ns());
    return 0;
}

static long register_runstate_area(struct vcpu *v, struct vcpu_register_runstate_memory_area *area)
{
    struct vcpu_runstate_info info = sched_runstate(v, arch_now_ns());

    if (area->addr.h.addr != 0 && !copy_to_guest(area->addr.h, &info, sizeof(info)))
        return -XEN_EFAULT;
    v->runstate_area = area->addr.h;
    return 0;
}

static long set_periodic(struct vcpu *v, struct vcpu_set_periodic_timer *set)
{
    if (set->period_ns < PERIOD_MIN_NS || set->period_ns >= 1ul << 62)
        return -XEN_EINVAL;
    v->tick_ns = arch_now_ns() + set->period_ns;
    v->periodic_ns = set->period_ns;
    if (v == current) {
        tick(&v->periodic);
    } else {
        __atomic_fetch_or(&v->work, WORK_RESCHED, __ATOMIC_SEQ_CST);
        sched_notice(v);
    }
    return 0;
}

static long stop_periodic(struct vcpu *v, void *)
{
    v->periodic_ns = 0;
    timer_cancel(&v->periodic);
    return 0;
}

/* VCPU_SSHOTTMR_future has no effect, as in Xen from 4.17.2 on: guests misuse its -ETIME. */
static long set_singleshot(struct vcpu *v, struct vcpu_set_singleshot_timer *set)
{
    if (v != current)
        return -XEN_EINVAL;
    timer_set(&v->singleshot, set->timeout_abs_ns);
    return 0;
}

static long stop_singleshot(struct vcpu *v, void *)
{
    if (v != current)
        return -XEN_EINVAL;
    timer_cancel(&v->singleshot);
    return 0;
}

/* It waits while the vCPU is down, or in the handler of the one before. */
static long send_nmi(struct vcpu *v, void *)
{
    if (!(__atomic_fetch_or(&v->work, WORK_NMI, __ATOMIC_SEQ_CST) & WORK_NMI))
        sched_notice(v);
    return 0;
}

/* Xen answers only a first domain that is pinned. */
static long get_physid(struct vcpu *, void *)
{
    return -XEN_EINVAL;
}

/* Once is enough: it does not change. */
static long register_time_area(struct vcpu *, struct vcpu_register_time_memory_area *area)
{
    struct vcpu_time_info time = arch_time_info();

    if (area->addr.h.addr && !copy_to_guest(area->addr.h, &time, sizeof(time)))
        return -XEN_EFAULT;
    return 0;
}

long do_vcpu_op(uint32_t cmd, uint32_t vcpuid, guest_ptr_t arg)
{
    static const struct operation ops[] = {
        [VCPUOP_up] = {up, 0, false},
        [VCPUOP_down] = {down, 0, false},
        [VCPUOP_is_up] = {is_up, 0, false},
        [VCPUOP_get_runstate_info] = OPERATION(get_runstate_info, struct vcpu_runstate_info, true),
        [VCPUOP_register_runstate_memory_area] =
            OPERATION(register_runstate_area, struct vcpu_register_runstate_memory_area, false),
        [VCPUOP_set_periodic_timer] =
            OPERATION(set_periodic, struct vcpu_set_periodic_timer, false),
        [VCPUOP_stop_periodic_timer] = {stop_periodic, 0, false},
        [VCPUOP_set_singleshot_timer] =
            OPERATION(set_singleshot, struct vcpu_set_singleshot_timer, false),
        [VCPUOP_stop_singleshot_timer] = {stop_singleshot, 0, false},
        [VCPUOP_register_vcpu_info] =
            OPERATION(register_vcpu_info, struct vcpu_register_vcpu_info, false),
        [VCPUOP_send_nmi] = {send_nmi, 0, false},
        [VCPUOP_get_physid] = {get_physid, 0, false},
        [VCPUOP_register_vcpu_time_memory_area] =
            OPERATION(register_time_area, struct vcpu_register_time_memory_area, false),
    };
    struct vcpu *v = domain_vcpu(current->domain, vcpuid);

    if (!v)
        return -XEN_ENOENT;
    if (cmd == VCPUOP_initialise && subop_exists(__HYPERVISOR_vcpu_op, cmd))
        return initialise(v, arg);
    if (cmd == VCPUOP_send_nmi && arg.addr && subop_exists(__HYPERVISOR_vcpu_op, cmd))
        return -XEN_EINVAL;
    return operation_call(__HYPERVISOR_vcpu_op, ops, ARRAY_LEN(ops), cmd, v, arg);
}
