/* As many vCPUs as a domain can have: all come up, an IPI goes round through all of them, all go
 * down. They take events by polling, so that those of shared_info's vcpu_info are enough for the
 * SDK; the others' is registered. */
#include "check.h"

#define VCPUS       64u
#define ROUNDS      10u
#define STACK_BYTES 16384

static char stacks[VCPUS][STACK_BYTES] __attribute__((aligned(LM_PAGE_SIZE)));
static struct vcpu_info infos[VCPUS] __attribute__((aligned(LM_PAGE_SIZE)));
static struct lm_vcpu vcpus[VCPUS];
static uint32_t ports[VCPUS];
static volatile uint64_t passed_on[VCPUS];

static long op(unsigned cmd, unsigned vcpu, void *arg)
{
    return hypercall_vcpu_op(cmd, vcpu, arg);
}

static void take(unsigned id)
{
    struct sched_poll poll = {.ports = &ports[id], .nr_ports = 1};

    while (!lm_event_take(ports[id]))
        hypercall_sched_op(SCHEDOP_poll, &poll);
}

/* The vCPU goes down at the end. */
static void pass_on(void *arg)
{
    unsigned id = (unsigned)(unsigned long)arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        take(id);
        passed_on[id]++;
        lm_event_send(ports[(id + 1) % VCPUS]);
    }
}

static long start(unsigned id)
{
    struct vcpu_register_vcpu_info reg = {.mfn = lm_virt_to_mfn(infos),
                                          .offset = (uint32_t)((char *)&infos[id] - (char *)infos)};
    unsigned legacy = id < XEN_LEGACY_MAX_VCPUS ? id : 1;
    struct vcpu_guest_context *c = lm_vcpu_context(
        &vcpus[id], legacy, pass_on, (void *)(unsigned long)id, stacks[id], STACK_BYTES);
    long error = op(VCPUOP_register_vcpu_info, id, &reg);

    vcpus[id].id = id;
    vcpus[id].info = &infos[id];
    infos[id].evtchn_upcall_mask = 1;
    if (!error)
        error = op(VCPUOP_initialise, id, c);
    return error ? error : op(VCPUOP_up, id, NULL);
}

int main(void)
{
    unsigned up = 0, right = 0, down = 0;

    lm_timer_stop_periodic();
    for (unsigned id = 0; id < VCPUS; id++)
        ports[id] = (uint32_t)lm_event_bind_ipi(id);
    check(lm_event_bind_ipi(VCPUS), -XEN_ENOENT, "an IPI to vCPU %u", VCPUS);
    check(op(VCPUOP_is_up, VCPUS, NULL), -XEN_ENOENT, "whether vCPU %u is up", VCPUS);
    for (unsigned id = 1; id < VCPUS; id++)
        check(start(id), 0, "start vCPU %u", id);
    for (unsigned id = 1; id < VCPUS; id++)
        up += op(VCPUOP_is_up, id, NULL) == 1;
    check(up, VCPUS - 1, "vCPUs are up");
    for (unsigned i = 0; i < ROUNDS; i++) {
        lm_event_send(ports[1]);
        take(0);
    }
    for (unsigned id = 1; id < VCPUS; id++) {
        right += passed_on[id] == ROUNDS;
        while (op(VCPUOP_is_up, id, NULL))
            lm_yield();
        down++;
    }
    check(right, VCPUS - 1, "vCPUs passed on what came");
    check(down, VCPUS - 1, "vCPUs went down");
    return check_done();
}
