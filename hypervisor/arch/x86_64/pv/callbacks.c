/* Registration of the guest's entry points, and its way back from them: set_trap_table,
 * set_callbacks, callback_op, iret, stack_switch, fpu_taskswitch. */
#include "core/hypercall.h"
#include "cpu/cpu.h"
#include "cpu/vectors.h"
#include "lib/string.h"
#include "pv/pv.h"

long do_set_trap_table(guest_ptr_t table)
{
    struct trap_info *traps = current->arch.pv.traps;
    struct trap_info t;

    if (!table.addr) {
        memset(traps, 0, 256 * sizeof(*traps));
        return 0;
    }
    for (;; table = guest_ptr_at(table, sizeof(t))) {
        if (!copy_from_guest(&t, table, sizeof(t)))
            return -XEN_EFAULT;
        if (!t.address)
            return 0;
        if (!canonical(t.address))
            return -XEN_EINVAL;
        t.cs = guest_code_selector(t.cs);
        traps[t.vector] = t;
        if (!may_go_on())
            return -XEN_EINVAL;
    }
}

static void set_callback(struct callback *cb, uint64_t address)
{
    if (canonical(address))
        *cb = (struct callback){.address = address};
}

/* As Xen has it: an address that is not canonical is passed over, and the call succeeds. */
long do_set_callbacks(uint64_t event, uint64_t failsafe, uint64_t syscall)
{
    struct callback *callback = current->arch.pv.callback;

    set_callback(&callback[CALLBACKTYPE_event], event);
    set_callback(&callback[CALLBACKTYPE_failsafe], failsafe);
    set_callback(&callback[CALLBACKTYPE_syscall], syscall);
    return 0;
}

#define KNOWN_CALLBACKS                                                                    \
    (1u << CALLBACKTYPE_event | 1u << CALLBACKTYPE_failsafe | 1u << CALLBACKTYPE_syscall | \
     1u << CALLBACKTYPE_sysenter | 1u << CALLBACKTYPE_syscall32)

/* NULL: there is none of that type. */
static struct callback *callback_of(struct vcpu *v, unsigned type)
{
    if (type >= NR_CALLBACKS || !(KNOWN_CALLBACKS >> type & 1))
        return NULL;
    return &v->arch.pv.callback[clamp_index(type, NR_CALLBACKS)];
}

static long callback_register(struct vcpu *v, struct callback_register *reg)
{
    struct callback *cb = callback_of(v, reg->type);

    if (!canonical(reg->address))
        return -XEN_EINVAL;
    if (reg->type == CALLBACKTYPE_nmi) { /* another name for that entry of the trap table */
        v->arch.pv.traps[VECTOR_NMI] = (struct trap_info){VECTOR_NMI, 0, SEL_USER_CS, reg->address};
        return 0;
    }
    if (!cb)
        return -XEN_ENOSYS;
    *cb = (struct callback){reg->address, reg->flags & CALLBACKF_mask_events};
    return 0;
}

/* Of these, Xen lets a guest take back the NMI callback only. */
static long callback_unregister(struct vcpu *v, struct callback_unregister *unreg)
{
    if (unreg->type != CALLBACKTYPE_nmi)
        return callback_of(v, unreg->type) ? -XEN_EINVAL : -XEN_ENOSYS;
    v->arch.pv.traps[VECTOR_NMI].address = 0;
    return 0;
}

long do_callback_op(uint32_t cmd, guest_ptr_t arg)
{
    static const struct operation ops[] = {
        [CALLBACKOP_register] = OPERATION(callback_register, struct callback_register, false),
        [CALLBACKOP_unregister] = OPERATION(callback_unregister, struct callback_unregister, false),
    };

    return operation_call(__HYPERVISOR_callback_op, ops, ARRAY_LEN(ops), cmd, current, arg);
}

static long return_to_user(struct vcpu *v, uint64_t rax)
{
    if (mfn_equal(v->arch.paging.user_l4, INVALID_MFN))
        domain_crash(
            v->domain,
            "vcpu %u: iret hypercall to user mode (rip %#lx), but no user page table is set", v->id,
            v->arch.pv.regs->rip);
    else
        pv_toggle_mode(v);
    return (long)rax;
}

/* The frame lies at the guest's stack pointer. What is wrong with its selectors or addresses shows
 * when the processor loads them; that ends in the failsafe callback. */
long do_iret(void)
{
    struct vcpu *v = current;
    struct regs *r = v->arch.pv.regs;
    struct iret_context f;

    if (unlikely(!copy_from_guest(&f, guest_ptr(r->rsp), sizeof(f)))) {
        domain_crash(v->domain, "vcpu %u: iret hypercall: cannot read its frame at %#lx", v->id,
                     r->rsp);
        return 0;
    }
    r->rip = f.rip;
    r->cs = guest_code_selector(f.cs);
    r->rflags = guest_rflags(f.rflags);
    r->rsp = f.rsp;
    r->ss = f.ss | 3;
    r->r11 = f.r11;
    r->rcx = f.rcx;
    /* SYSRET loads rcx and r11 itself, so it serves only a guest that asked for just that. */
    r->vector = f.flags & VGCF_in_syscall && (uint16_t)r->cs == SEL_USER_CS &&
                        (uint16_t)r->ss == SEL_USER_SS
                    ? VECTOR_SYSCALL
                    : VECTOR_BP;
    v->info->evtchn_upcall_mask = !(f.rflags & RFLAGS_IF);
    if (unlikely(v->arch.pv.nmi_blocked)) {
        v->arch.pv.nmi_blocked = false;
        if (v->arch.pv.nmi_waits)
            __atomic_fetch_or(&v->work, WORK_NMI, __ATOMIC_RELAXED);
    }
    return (f.cs & 3) == 3 ? return_to_user(v, f.rax) : (long)f.rax;
}

/* The flat stack segment is in every frame, whatever the guest names. */
long do_stack_switch(uint64_t, uint64_t sp)
{
    current->arch.pv.kernel_sp = sp;
    return 0;
}

long do_fpu_taskswitch(uint32_t set)
{
    fpu_set_trap(set);
    return 0;
}
