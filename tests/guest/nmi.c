/* NMIs that vCPUs send each other, and what else vcpu_op has: a copy of the time, physical ids. */
#include "check.h"

#define NMI         2
#define NOTHING     ((void *)8)
#define STACK_BYTES 16384

extern char lm_trap_entries[];

static volatile unsigned came, came_inside;
static volatile bool send_inside, mask_seen;
static char stack[STACK_BYTES] __attribute__((aligned(16)));

static long op(unsigned cmd, unsigned vcpu, void *arg)
{
    return hypercall_vcpu_op(cmd, vcpu, arg);
}

static void handle(struct lm_trap_frame *frame)
{
    came++;
    mask_seen = frame->upcall_mask;
    if (send_inside) {
        send_inside = false;
        op(VCPUOP_send_nmi, 0, NULL);
        op(VCPUOP_send_nmi, 0, NULL);
        came_inside = came;
    }
    lm_return_to(frame); /* the hypercall: it lets the next one in */
}

static long set_callback(unsigned cmd, char *address)
{
    struct callback_register reg = {.type = CALLBACKTYPE_nmi, .address = (unsigned long)address};

    return hypercall_callback_op(cmd, &reg);
}

static void to_self(void)
{
    check(op(VCPUOP_send_nmi, 0, (void *)stack), -XEN_EINVAL, "with an argument");
    check(op(VCPUOP_send_nmi, 9, NULL), -XEN_ENOENT, "to no vCPU");
    check(came, 0, "none came");
    lm_upcalls_mask();
    check(op(VCPUOP_send_nmi, 0, NULL), 0, "to oneself");
    check(came, 1, "it came");
    check(mask_seen, 1, "although events are masked");
    lm_upcalls_unmask();
    op(VCPUOP_send_nmi, 0, NULL);
    check(came, 2, "the next one came");
    check(mask_seen, 0, "with events unmasked");
    send_inside = true;
    op(VCPUOP_send_nmi, 0, NULL);
    check(came_inside, 3, "two more wait while one is handled");
    check(came, 4, "and are one when it was");

    check(set_callback(CALLBACKOP_unregister, NULL), 0, "no callback any more");
    check(op(VCPUOP_send_nmi, 0, NULL), 0, "nobody to tell");
    check(came, 4, "nobody was told");
    check(set_callback(CALLBACKOP_register, lm_trap_entries + 16 * NMI), 0, "a callback again");
    check(came, 4, "what was not told is forgotten");
    op(VCPUOP_send_nmi, 0, NULL);
    check(came, 5, "one through the callback");
}

static void wake_first(void *arg)
{
    struct vcpu_runstate_info info;

    (void)arg;
    do {
        lm_yield();
        op(VCPUOP_get_runstate_info, 0, &info);
    } while (info.state != RUNSTATE_blocked);
    op(VCPUOP_send_nmi, 0, NULL);
}

static void to_one_that_sleeps(void)
{
    static struct lm_vcpu second;
    struct vcpu_info *info = lm_this_vcpu()->info;

    lm_timer_stop_periodic();
    check(lm_vcpu_start(&second, 1, wake_first, NULL, stack, STACK_BYTES), 0, "another vCPU");
    while (came == 5) {
        lm_upcalls_mask();
        lm_block();
    }
    check(came, 6, "it wakes one that sleeps");
    check(info->evtchn_upcall_mask, 0, "whose events are unmasked");
}

static void others(void)
{
    static struct vcpu_time_info copy;
    struct vcpu_get_physid physid;
    struct vcpu_register_time_memory_area area = {0};

    if (on_lamina())
        check(op(VCPUOP_get_physid, 0, &physid), -XEN_EINVAL, "the physical id of one not pinned");
    else
        check_skip("the physical id of one not pinned", "the first domain's is, on one CPU");
    check(op(VCPUOP_get_physid, 9, &physid), -XEN_ENOENT, "the physical id of none");
    check(op(VCPUOP_register_vcpu_time_memory_area, 0, NOTHING), -XEN_EFAULT, "area: no structure");
    check(op(VCPUOP_register_vcpu_time_memory_area, 0, &area), 0, "area: none");
    area.addr.h = &copy;
    check(op(VCPUOP_register_vcpu_time_memory_area, 0, &area), 0, "area");
    check(copy.tsc_to_system_mul, lm_this_vcpu()->info->time.tsc_to_system_mul, "area: the rate");
    check(copy.tsc_shift, lm_this_vcpu()->info->time.tsc_shift, "area: the shift");
    check(copy.version & 1, 0, "area: whole");
}

int main(void)
{
    lm_trap_handle(NMI, handle);
    check(set_callback(CALLBACKOP_register, lm_trap_entries + 16 * NMI), 0, "a callback");
    to_self();
    to_one_that_sleeps();
    others();
    return check_done();
}
