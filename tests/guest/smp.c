/* Several vCPUs of one guest: bringing up, IPIs, going down and up again, the end. */
#include "provoke.h"

#define VCPUS         4u
#define ROUNDS        1000u
#define NOT_OURS      0x6fffful
#define NOTHING       ((void *)8)
#define STACK_BYTES   16384
#define MAY_USE_PORTS 3u

static struct vcpu_guest_context context;
static char stacks[VCPUS][STACK_BYTES] __attribute__((aligned(16)));
static struct lm_vcpu vcpus[VCPUS];
static bool down_last; /* the command line says how this ends */

/* What each vCPU does. */
static struct worker {
    struct lm_event ask; /* an IPI to it, and what it answers with */
    uint32_t answer_port;
    volatile uint64_t asked, loops;
    volatile bool wrong, stop, ports_fault;
} workers[VCPUS];
static volatile uint64_t answers[VCPUS];

static long op(unsigned cmd, unsigned vcpu, void *arg)
{
    return hypercall_vcpu_op(cmd, vcpu, arg);
}

static unsigned state_of(unsigned vcpu)
{
    struct vcpu_runstate_info info;

    op(VCPUOP_get_runstate_info, vcpu, &info);
    return (unsigned)info.state;
}

/* --- contexts that are refused --- */

static void refused(const char *what)
{
    check(op(VCPUOP_initialise, 1, &context), -XEN_EINVAL, "initialise: %s", what);
    check(op(VCPUOP_up, 1, NULL), -XEN_EINVAL, "up: %s", what);
}

static void contexts(void)
{
    uint64_t root = xen_pfn_to_cr3(lm_virt_to_mfn(lm_boot_root()));

    check(op(VCPUOP_up, 1, NULL), -XEN_EINVAL, "up before initialise");
    check(op(VCPUOP_is_up, 1, NULL), 0, "it is not up");
    check(state_of(1), RUNSTATE_offline, "it is offline");
    check(op(VCPUOP_down, 1, NULL), 0, "down before it was up");
    check(op(VCPUOP_initialise, VCPUS, &context), -XEN_ENOENT, "initialise a vCPU too many");
    check(op(VCPUOP_up, 64, NULL), -XEN_ENOENT, "up of vCPU 64");
    check(op(VCPUOP_initialise, 1, NOTHING), -XEN_EFAULT, "initialise from nothing");
    check(op(VCPUOP_initialise, 0, &context), -XEN_EEXIST, "initialise the one that runs");
    check(op(VCPUOP_up, 0, NULL), 0, "up of the one that runs");
    context.flags = VGCF_in_kernel;
    context.ctrlreg[3] = xen_pfn_to_cr3(NOT_OURS);
    refused("a root that is not ours");
    context.ctrlreg[3] = xen_pfn_to_cr3(lm_virt_to_mfn(stacks[0]));
    refused("a root that is a writable page");
    context.ctrlreg[3] = root;
    context.user_regs.rip = 1ul << 63;
    refused("an entry point that is not canonical");
    context.user_regs.rip = 0;
    context.event_callback_eip = 1ul << 63;
    refused("an upcall that is not canonical");
    context.event_callback_eip = 0;
    context.trap_ctxt[255].address = 1ul << 63;
    refused("a trap handler that is not canonical");
    context.trap_ctxt[255].address = 0;
    context.gdt_ents = FIRST_RESERVED_GDT_ENTRY + 1;
    refused("a GDT that is too large");
    context.gdt_ents = 1;
    context.gdt_frames[0] = NOT_OURS;
    refused("a GDT that is not ours");
    context.gdt_ents = 0;
    context.ldt_ents = 8193;
    refused("an LDT that is too large");
    context.ldt_ents = 0;
    context.ctrlreg[1] = xen_pfn_to_cr3(NOT_OURS);
    refused("user tables that are not ours");
    context.ctrlreg[1] = 0;
    context.flags = 0;
    refused("user mode without user tables");
}

/* --- workers --- */

static void answer(struct lm_event *event)
{
    struct worker *w = (struct worker *)((char *)event - offsetof(struct worker, ask));
    unsigned id = lm_this_vcpu()->id;

    w->wrong |= w != &workers[id];
    w->asked++;
    lm_event_send(w->answer_port);
}

static void hear(struct lm_event *event)
{
    for (unsigned i = 1; i < VCPUS; i++)
        if (workers[i].answer_port == event->port)
            answers[i]++;
}

static void work(void *arg)
{
    struct worker *w = arg;

    PROVOKE("inb $0x61, %%al", : :);
    w->ports_fault = provoked.vector != NO_EXCEPTION;
    lm_upcalls_unmask();
    while (!w->stop) {
        w->loops++;
        w->wrong |= w != &workers[lm_this_vcpu()->id];
        lm_yield();
    }
}

/* One of them begins with an I/O privilege level. */
static long start(unsigned i)
{
    struct vcpu_guest_context *c;
    long error;

    if (i != MAY_USE_PORTS)
        return lm_vcpu_start(&vcpus[i], i, work, &workers[i], stacks[i], STACK_BYTES);
    c = lm_vcpu_context(&vcpus[i], i, work, &workers[i], stacks[i], STACK_BYTES);
    c->user_regs.rflags = 0x1000;
    error = op(VCPUOP_initialise, i, c);
    return error ? error : op(VCPUOP_up, i, NULL);
}

static void start_all(void)
{
    static struct lm_event heard[VCPUS];

    for (unsigned i = 1; i < VCPUS; i++) {
        struct worker *w = &workers[i];

        w->ask =
            (struct lm_event){.port = (uint32_t)lm_event_bind_ipi(i), .vcpu = i, .handle = answer};
        w->answer_port = (uint32_t)lm_event_bind_ipi(0);
        heard[i] = (struct lm_event){.port = w->answer_port, .vcpu = 0, .handle = hear};
        lm_event_open(&w->ask);
        lm_event_open(&heard[i]);
        check(start(i), 0, "start vCPU %u", i);
        check(op(VCPUOP_is_up, i, NULL), 1, "vCPU %u is up", i);
        check(op(VCPUOP_initialise, i, &context), -XEN_EEXIST, "initialise it again");
        while (w->loops < 10)
            lm_yield();
        check(w->ports_fault, i != MAY_USE_PORTS, "its port instruction faults");
    }
}

/* Each question is answered once, by the vCPU that was asked. */
static void ipis(void)
{
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 1; i < VCPUS; i++) {
            uint64_t before = answers[i];

            lm_event_send(workers[i].ask.port);
            while (answers[i] == before)
                lm_yield();
        }
    for (unsigned i = 1; i < VCPUS; i++) {
        check(workers[i].asked, ROUNDS, "IPIs that reached vCPU %u", i);
        check(answers[i], ROUNDS, "answers of vCPU %u", i);
        check(workers[i].wrong, false, "it is itself everywhere");
    }
}

#define PATIENCE_NS 50000000ul /* the other's CPU may be busy with other things */

static bool stands_still(unsigned vcpu)
{
    const uint64_t loops = workers[vcpu].loops, end = lm_time_ns() + PATIENCE_NS;

    while (lm_time_ns() < end && workers[vcpu].loops == loops)
        lm_yield();
    return workers[vcpu].loops == loops;
}

static bool goes_on(unsigned vcpu)
{
    for (unsigned i = 0; i < 40; i++)
        if (!stands_still(vcpu))
            return true;
    return false;
}

static void down_and_up(void)
{
    struct worker *w = &workers[1];
    uint64_t loops, asked = w->asked;

    check(op(VCPUOP_down, 1, NULL), 0, "down");
    check(op(VCPUOP_is_up, 1, NULL), 0, "it is not up");
    check(op(VCPUOP_down, 1, NULL), 0, "down again");
    for (uint64_t end = lm_time_ns() + PATIENCE_NS;
         lm_time_ns() < end && state_of(1) != RUNSTATE_offline;)
        lm_yield();
    check(state_of(1), RUNSTATE_offline, "it is offline");
    check(stands_still(1), true, "it stands still");
    check(goes_on(2), true, "others go on");
    lm_event_send(w->ask.port);
    check(stands_still(1), true, "also when an event comes");
    check(w->asked, asked, "which waits");
    check(op(VCPUOP_initialise, 1, &context), -XEN_EEXIST, "initialise one that is down");
    loops = w->loops;
    check(op(VCPUOP_up, 1, NULL), 0, "up");
    check(op(VCPUOP_up, 1, NULL), 0, "up again");
    while (w->loops == loops)
        lm_yield();
    check(w->asked, asked + 1, "the event has come");
    w->stop = true; /* it takes itself down */
    while (op(VCPUOP_is_up, 1, NULL))
        lm_yield();
    check(stands_still(1), true, "one that went down by itself");
}

/* vCPUs that go down and come up while others send them events. */
static void storm(void)
{
    unsigned lost = 0;

    for (unsigned round = 0; round < 300; round++) {
        unsigned i = 2 + round % 2;
        uint64_t before = answers[i];

        op(VCPUOP_down, i, NULL);
        lm_event_send(workers[i].ask.port);
        if (round % 3 == 0)
            lm_yield();
        op(VCPUOP_up, i, NULL);
        for (unsigned wait = 0; answers[i] == before && wait < 100000; wait++)
            lm_yield();
        lost += answers[i] != before + 1;
    }
    check(lost, 0, "events around going down and up are answered once");
}

int main(void)
{
    const char *mode = (const char *)lm_start_info->cmd_line;

    down_last = strcmp(mode, "down") == 0;
    provoke_init();
    lm_events_init();
    contexts();
    start_all();
    ipis();
    down_and_up();
    storm();
    if (down_last) {
        check_done();
        workers[2].stop = workers[3].stop = true;
        while (op(VCPUOP_is_up, 2, NULL) || op(VCPUOP_is_up, 3, NULL))
            lm_yield();
        op(VCPUOP_down, 0, NULL); /* the last: the domain powers off */
        printf("FAIL: it still runs\n");
    }
    return check_done();
}
