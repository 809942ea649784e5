#include <lamina/guest.h>

extern char lm_entry_upcall[];

static void begin(struct lm_vcpu *v, void (*run)(void *), void *arg)
{
    run(arg);
    for (;;)
        hypercall_vcpu_op(VCPUOP_down, v->id, NULL);
}

struct vcpu_guest_context *lm_vcpu_context(struct lm_vcpu *v, unsigned id, void (*run)(void *),
                                           void *arg, void *stack, size_t bytes)
{
    /* Too large for a stack in use; the new one's lower end is not in use before it runs. */
    struct vcpu_guest_context *c = stack;
    uint64_t top = ((uint64_t)stack + bytes) & ~15ul;

    lm_assert(id > 0 && id < XEN_LEGACY_MAX_VCPUS && bytes >= 16384 && (uint64_t)stack % 16 == 0);
    *v = (struct lm_vcpu){.self = v, .info = &lm_shared_info->vcpu_info[id], .id = id};
    memset(c, 0, sizeof(*c));
    c->flags = VGCF_in_kernel;
    c->user_regs.rip = (uint64_t)begin;
    c->user_regs.rsp = top - 8; /* as after a call */
    c->user_regs.rdi = (uint64_t)v;
    c->user_regs.rsi = (uint64_t)run;
    c->user_regs.rdx = (uint64_t)arg;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    lm_traps_fill(c->trap_ctxt);
    c->event_callback_eip = (uint64_t)lm_entry_upcall;
    c->ctrlreg[3] = xen_pfn_to_cr3(lm_virt_to_mfn(lm_boot_root()));
    c->gs_base_kernel = (uint64_t)v;
    v->info->evtchn_upcall_mask = 1;
    return c;
}

int lm_vcpu_start(struct lm_vcpu *v, unsigned id, void (*run)(void *), void *arg, void *stack,
                  size_t bytes)
{
    struct vcpu_guest_context *c = lm_vcpu_context(v, id, run, arg, stack, bytes);
    long error = hypercall_vcpu_op(VCPUOP_initialise, id, c);

    return (int)(error ? error : hypercall_vcpu_op(VCPUOP_up, id, NULL));
}
