/* The state in which a vCPU begins that the guest brings up: VCPUOP_initialise. */
#include "lib/string.h"
#include "paging/paging.h"
#include "pv/pv.h"

static bool addresses_are_canonical(const struct vcpu_guest_context *c)
{
    const uint64_t address[] = {
        c->user_regs.rip, c->event_callback_eip, c->failsafe_callback_eip, c->syscall_callback_eip,
        c->fs_base,       c->gs_base_kernel,     c->gs_base_user,
    };

    for (unsigned i = 0; i < ARRAY_LEN(address); i++)
        if (!canonical(address[i]))
            return false;
    for (unsigned i = 0; i < LAMINA_NR_VECTORS; i++)
        if (!canonical(c->trap_ctxt[i].address))
            return false;
    return true;
}

static void set_registers(struct pv_vcpu *pv, const struct cpu_user_regs *from)
{
    struct regs *r = pv->regs;

    _Static_assert(offsetof(struct regs, rdi) == offsetof(struct cpu_user_regs, rdi), "as pushed");
    memcpy(r, from, offsetof(struct regs, error_code));
    r->cs = guest_code_selector(from->cs);
    r->ss = from->ss | 3;
    r->rflags = guest_rflags(from->rflags);
    pv->iopl = (from->rflags & RFLAGS_IOPL) / (RFLAGS_IOPL & -RFLAGS_IOPL);
    pv->ds = from->ds;
    pv->es = from->es;
    pv->fs = from->fs;
    pv->gs = from->gs;
}

/* Entries are by their place in a trap table, by their vector here. */
static void set_traps(struct trap_info *traps, const struct trap_info *from)
{
    for (unsigned i = 0; i < LAMINA_NR_VECTORS; i++) {
        struct trap_info t = from[i];

        t.cs = guest_code_selector(t.cs);
        traps[t.vector] = t;
    }
}

/* The FPU begins as after a reset: fpu_ctxt is not looked at, nor are debugreg and vm_assist. */
int arch_vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct pv_vcpu *pv = &v->arch.pv;
    bool user_tables = xen_cr3_to_pfn(c->ctrlreg[1]) != 0;
    int rc = -XEN_EINVAL;

    /* Whoever runs has tables. */
    if (addresses_are_canonical(c) && (user_tables || c->flags & VGCF_in_kernel))
        rc = paging_vcpu_initialise(v, c);
    if (rc)
        return rc;
    pv_vcpu_start(v, c->user_regs.rip, c->user_regs.rsp, 0);
    set_registers(pv, &c->user_regs);
    set_traps(pv->traps, c->trap_ctxt);
    pv->callback[CALLBACKTYPE_event] = (struct callback){.address = c->event_callback_eip};
    pv->callback[CALLBACKTYPE_failsafe] =
        (struct callback){c->failsafe_callback_eip, c->flags & VGCF_failsafe_disables_events};
    pv->callback[CALLBACKTYPE_syscall] =
        (struct callback){c->syscall_callback_eip, c->flags & VGCF_syscall_disables_events};
    pv->kernel_mode = c->flags & VGCF_in_kernel;
    pv->kernel_sp = c->kernel_sp;
    pv->fpu_trap = c->ctrlreg[0] & CR0_TS;
    pv->fs_base = c->fs_base;
    pv->gs_base = pv->kernel_mode ? c->gs_base_kernel : c->gs_base_user;
    pv->gs_base_other = pv->kernel_mode ? c->gs_base_user : c->gs_base_kernel;
    return 0;
}
