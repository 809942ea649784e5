/* Ways in and out: hypercalls, events, exceptions, emulation. */
#include "bench.h"

#define UNMAPPED  0x5000ul
#define USER_CODE 0x400000ul
#define BATCH     32

extern char bench_upcall_iret[], bench_upcall_iretq[], bench_ud2[], bench_page_fault[],
    bench_syscall[], bench_user[], bench_user_end[];

static void empty_loop(unsigned rounds)
{
    REPEAT(rounds, );
}

static void null_hypercall(unsigned rounds)
{
    REPEAT(rounds, hypercall_xen_version(XENVER_version, NULL));
}

static void unknown_hypercall(unsigned rounds)
{
    REPEAT(rounds, __asm__ volatile("call hypercall_page + 63 * 32"
                                    :
                                    :
                                    : "rax", "rcx", "r11", "memory"));
}

static struct multicall_entry calls[BATCH];

static bool fill_calls(void)
{
    for (unsigned i = 0; i < BATCH; i++)
        calls[i] = (struct multicall_entry){.op = __HYPERVISOR_xen_version};
    return true;
}

static void multicall(unsigned rounds)
{
    REPEAT(rounds, hypercall_multicall(calls, BATCH));
}

static void yield(unsigned rounds)
{
    REPEAT(rounds, hypercall_sched_op(SCHEDOP_yield, NULL));
}

static void cancel_timer(unsigned rounds)
{
    REPEAT(rounds, hypercall_set_timer_op(0));
}

/* --- events --- */

static struct evtchn_send send;

/* A port of our own; its bit is in the first word of evtchn_pending. */
static bool bind_port(void)
{
    if (send.port == 0)
        send.port = lm_event_bind_ipi(0);
    lm_event_mask(send.port);
    return send.port < 64;
}

static void send_pending(unsigned rounds)
{
    REPEAT(rounds, hypercall_event_channel_op(EVTCHNOP_send, &send));
}

/* The whole way to a pending upcall, which is masked and so not made. */
static bool unmask_port(void)
{
    if (!bind_port())
        return false;
    lm_shared_info->evtchn_mask[0] = ~(1ul << send.port);
    return true;
}

static void send_then_pending(unsigned rounds)
{
    volatile struct vcpu_info *info = lm_this_vcpu()->info;
    volatile uint64_t *word = &lm_shared_info->evtchn_pending[0];

    REPEAT(rounds, {
        *word = 0;
        info->evtchn_pending_sel = 0;
        info->evtchn_upcall_pending = 0;
        hypercall_event_channel_op(EVTCHNOP_send, &send);
    });
}

static bool receive_by(char *entry)
{
    struct callback_register callback = {.type = CALLBACKTYPE_event, .address = (uint64_t)entry};

    if (!bind_port() || hypercall_callback_op(CALLBACKOP_register, &callback) != 0)
        return false;
    lm_event_take(send.port);
    lm_shared_info->evtchn_mask[0] = ~(1ul << send.port);
    lm_upcalls_unmask();
    return true;
}

static bool receive_by_iret(void)
{
    return receive_by(bench_upcall_iret);
}

static bool receive_by_iretq(void)
{
    return receive_by(bench_upcall_iretq);
}

static void receive_no_more(void)
{
    lm_upcalls_mask();
    lm_event_mask(send.port);
}

/* --- exceptions --- */

static void enter_at(unsigned vector, char *entry)
{
    struct trap_info traps[2] = {{vector, 0, FLAT_KERNEL_CS, (uint64_t)entry}};

    hypercall_set_trap_table(traps);
}

static bool begin_ud2(void)
{
    enter_at(6, bench_ud2);
    return true;
}

static void ud2(unsigned rounds)
{
    REPEAT(rounds, __asm__ volatile("ud2"));
}

static bool begin_page_fault(void)
{
    enter_at(14, bench_page_fault);
    return true;
}

static void page_fault(unsigned rounds)
{
    REPEAT(rounds, __asm__ volatile("movq $1f, %%rax\n"
                                    "movb $0, (%0)\n"
                                    "1:"
                                    :
                                    : "r"(UNMAPPED)
                                    : "rax", "memory"));
}

/* --- emulation --- */

static void forced_cpuid(unsigned rounds)
{
    REPEAT(rounds, __asm__ volatile("movl $0x40000000, %%eax; " XEN_CPUID
                                    :
                                    :
                                    : "rax", "rbx", "rcx", "rdx"));
}

static void read_cr0(unsigned rounds)
{
    REPEAT(rounds, __asm__ volatile("movq %%cr0, %%rax" : : : "rax"));
}

static void read_efer(unsigned rounds)
{
    REPEAT(rounds, __asm__ volatile("rdmsr" : : "c"(0xc0000080) : "rax", "rdx"));
}

/* --- processor state --- */

static void set_segment_base(unsigned rounds)
{
    REPEAT(rounds, hypercall_set_segment_base(SEGBASE_FS, LM_VIRT_BASE));
}

static void stack_switch(unsigned rounds)
{
    REPEAT(rounds, hypercall_stack_switch(FLAT_KERNEL_SS, LM_VIRT_BASE));
}

static void fpu_taskswitch(unsigned rounds)
{
    REPEAT(rounds, hypercall_fpu_taskswitch(0));
}

/* --- user mode --- */

static char kernel_stack[4096] __attribute__((aligned(16)));
static struct lm_trap_frame process, kernel;

/* The process is done: back to where it was started, and the context of then. */
static void process_done(struct lm_trap_frame *frame)
{
    *frame = kernel;
}

static bool make_process(void)
{
    static bool made;
    struct callback_register callback = {
        .type = CALLBACKTYPE_syscall,
        .address = (uint64_t)bench_syscall,
    };

    if (!made) {
        uint64_t *root = bench_page();
        void *code = bench_page();
        struct mmuext_op user_base = {
            .cmd = MMUEXT_NEW_USER_BASEPTR,
            .arg1.mfn = lm_virt_to_mfn(root),
        };

        memcpy(code, bench_user, bench_user_end - bench_user);
        if (lm_pt_pin_root(root) || lm_pt_reach(root, (void *)USER_CODE, bench_pool()) ||
            lm_pt_write(lm_pt_entry(root, (void *)USER_CODE, 1),
                        lm_pte(lm_virt_to_mfn(code), LM_PTE_DATA & ~LM_PTE_WRITE)) ||
            hypercall_mmuext_op(&user_base, 1, NULL, DOMID_SELF))
            return false;
        process.rip = USER_CODE;
        process.cs = FLAT_USER_CS | 3;
        process.ss = FLAT_USER_SS | 3;
        made = true;
    }
    lm_trap_handle(3, process_done);
    hypercall_stack_switch(FLAT_KERNEL_SS, (uint64_t)&kernel_stack[sizeof(kernel_stack)]);
    return hypercall_callback_op(CALLBACKOP_register, &callback) == 0;
}

static void system_calls(unsigned rounds)
{
    process.rbx = rounds;
    /* Notes where to go on, and enters the process; it comes back behind the call. */
    kernel.cs = FLAT_KERNEL_CS & ~3;
    kernel.ss = FLAT_KERNEL_SS;
    __asm__ volatile("movq %%rsp, %0; movq %%rbp, %1; movq $1f, %2\n"
                     "call lm_return_to\n"
                     "1:"
                     : "=m"(kernel.rsp), "=m"(kernel.rbp), "=m"(kernel.rip)
                     : "D"(&process)
                     : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13",
                       "r14", "r15", "memory");
}

const struct row entry_rows[] = {
    {"empty loop", 1, NULL, empty_loop, NULL},
    {"null hypercall (xen_version)", 1, NULL, null_hypercall, NULL},
    {"unknown hypercall (-ENOSYS)", 1, NULL, unknown_hypercall, NULL},
    {"multicall of 32, per call", BATCH, fill_calls, multicall, NULL},
    {"sched_op yield, alone on the CPU", 1, NULL, yield, NULL},
    {"evtchn send, already pending", 1, bind_port, send_pending, NULL},
    {"evtchn send, then pending", 1, unmask_port, send_then_pending, NULL},
    {"send to self + upcall + iret hypercall", 1, receive_by_iret, send_pending, receive_no_more},
    {"send to self + upcall + iretq in the guest", 1, receive_by_iretq, send_pending,
     receive_no_more},
    {"set_timer_op cancel", 1, NULL, cancel_timer, NULL},
    {"exception bounce (ud2) and return", 1, begin_ud2, ud2, lm_traps_init},
    {"page-fault bounce and return", 1, begin_page_fault, page_fault, lm_traps_init},
    {"forced-emulation cpuid", 1, NULL, forced_cpuid, NULL},
    {"emulated mov from cr0", 1, NULL, read_cr0, NULL},
    {"emulated rdmsr EFER", 1, NULL, read_efer, NULL},
    {"set_segment_base", 1, NULL, set_segment_base, NULL},
    {"stack_switch", 1, NULL, stack_switch, NULL},
    {"fpu_taskswitch", 1, NULL, fpu_taskswitch, NULL},
    {"user-mode syscall round trip by iret hypercall", 1, make_process, system_calls, NULL},
    {.name = NULL},
};
