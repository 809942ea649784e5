/* Ways into the guest's kernel: traps, event upcalls, system calls of its user mode. The frame that
 * is put on the kernel's stack is, from the lowest address: rcx, r11, (error code), rip, cs with
 * the saved upcall mask in bits 32..39, rflags, rsp, ss. The ABI fixes it (abi/arch-x86_64.h). */
#include "cpu/cpu.h"
#include "cpu/traps.h"
#include "cpu/vectors.h"
#include "paging/paging.h"
#include "pv/pv.h"

#define SAVED_MASK_SHIFT 32

/* Page-fault error code. */
#define PF_PRESENT  1u
#define PF_WRITE    2u
#define PF_USER     4u
#define PF_RESERVED 8u

void pv_toggle_mode(struct vcpu *v)
{
    v->arch.pv.kernel_mode = !v->arch.pv.kernel_mode;
    __asm__ volatile("swapgs" : : : "memory");
    paging_load_tables(v, v->arch.pv.kernel_mode);
    if (unlikely(v->sched.runstate_stale) && v->arch.pv.kernel_mode)
        sched_write_runstate(v);
}

struct entry {
    uint64_t address;
    bool mask_events, has_error;
    uint32_t error;
    const uint16_t *segments; /* ds, es, fs, gs for the failsafe callback's frame; or NULL */
};

/* Writes the frame sp .. top, upwards: an address of the hypervisor's cannot be reached without a
 * fault before it. */
static inline bool push_frame(uint64_t sp, uint64_t top, const struct regs *r,
                              const struct entry *e, uint64_t cs, uint64_t rflags)
{
    if (!guest_address(sp))
        return false;
    GUEST_WRITE(r->rcx, sp, "mov", fault);
    GUEST_WRITE(r->r11, sp + 8, "mov", fault);
    for (unsigned i = 0; unlikely(e->segments) && i < 4; i++)
        GUEST_WRITE((uint64_t)e->segments[i], sp + 16 + 8 * i, "mov", fault);
    if (e->has_error)
        GUEST_WRITE((uint64_t)e->error, top - 48, "mov", fault);
    GUEST_WRITE(r->rip, top - 40, "mov", fault);
    GUEST_WRITE(cs, top - 32, "mov", fault);
    GUEST_WRITE(rflags, top - 24, "mov", fault);
    GUEST_WRITE(r->rsp, top - 16, "mov", fault);
    GUEST_WRITE(r->ss, top - 8, "mov", fault);
    return true;
fault:
    return false;
}

/* Puts the frame on the kernel's stack and points the guest at the handler. */
static void enter_kernel(struct vcpu *v, struct regs *r, const struct entry *e)
{
    uint64_t rsp, cs = r->cs & 0xffff, sp;
    uint8_t mask = v->info->evtchn_upcall_mask;

    if (v->arch.pv.kernel_mode) {
        cs &= ~3ul; /* so that the guest sees that it came from its kernel */
        rsp = r->rsp & ~15ul;
    } else {
        rsp = v->arch.pv.kernel_sp & ~15ul;
        pv_toggle_mode(v);
    }
    sp = rsp - 56 - (e->has_error ? 8 : 0) - (unlikely(e->segments) ? 32 : 0);
    if (unlikely(!push_frame(sp, rsp, r, e, cs | (uint64_t)mask << SAVED_MASK_SHIFT,
                             (r->rflags & ~(RFLAGS_IF | RFLAGS_IOPL)) | (mask ? 0 : RFLAGS_IF)))) {
        domain_crash(
            v->domain,
            "vcpu %u: cannot push a frame for the handler at %#lx: no writable stack below "
            "%#lx (came from rip %#lx, rsp %#lx)",
            v->id, e->address, rsp, r->rip, r->rsp);
        return;
    }
    if (e->mask_events)
        v->info->evtchn_upcall_mask = 1;
    r->vector = VECTOR_SYSCALL; /* rcx and r11 are in the frame: SYSRET may have them */
    r->rip = e->address;
    r->cs = SEL_USER_CS;
    r->rflags &= ~(RFLAGS_AC | RFLAGS_VM | RFLAGS_RF | RFLAGS_NT | RFLAGS_TF | RFLAGS_IOPL);
    r->rsp = sp;
    r->ss = SEL_USER_SS;
}

/* Enters the kernel at a trap handler, as the trap table says. */
static void bounce_trap(struct vcpu *v, struct regs *r, unsigned vector, bool has_error,
                        uint32_t error)
{
    const struct trap_info *t = &v->arch.pv.traps[vector];

    if (unlikely(!t->address)) {
        domain_crash(v->domain,
                     "vcpu %u: exception %u (error code %#x) at rip %#lx, rsp %#lx: the "
                     "guest has no handler for it",
                     v->id, vector, error, r->rip, r->rsp);
        return;
    }
    enter_kernel(v, r, &(struct entry){t->address, TI_GET_IF(t), has_error, error, NULL});
}

/* Enters it at a callback. */
static void bounce_callback(struct vcpu *v, struct regs *r, const struct callback *cb,
                            const char *what)
{
    struct entry e = {.address = cb->address, .mask_events = cb->mask_events};

    if (unlikely(!cb->address)) {
        domain_crash(v->domain,
                     "vcpu %u: %s, but the guest registered no callback for it (rip %#lx)", v->id,
                     what, r->rip);
        return;
    }
    enter_kernel(v, r, &e);
}

/* Events come with the mask set: the upcall runs with events off until the guest says otherwise. */
void deliver_upcall(struct regs *r)
{
    struct vcpu *v = current;
    struct callback cb = {v->arch.pv.callback[CALLBACKTYPE_event].address, true};

    bounce_callback(v, r, &cb, "an event is pending and unmasked");
}

void bounce_syscall(struct regs *r)
{
    struct vcpu *v = current;

    bounce_callback(v, r, &v->arch.pv.callback[CALLBACKTYPE_syscall], "SYSCALL in user mode");
}

void guest_bad_flags(struct vcpu *v, struct regs *r)
{
    domain_crash(v->domain, "vcpu %u: rflags %#lx at rip %#lx: ring 3 cannot have VM or IOPL",
                 v->id, r->rflags, r->rip);
    r->rflags = RFLAGS_IF | RFLAGS_FIXED;
}

/* SYSCALL of 32-bit code. A guest that has not asked for it sees a processor that has none. */
void bounce_syscall32(struct regs *r)
{
    struct vcpu *v = current;
    const struct callback *cb = &v->arch.pv.callback[CALLBACKTYPE_syscall32];

    if (unlikely(r->rflags & (RFLAGS_VM | RFLAGS_IOPL))) {
        guest_bad_flags(v, r);
        return;
    }
    if (cb->address && !v->arch.pv.kernel_mode) {
        bounce_callback(v, r, cb, "SYSCALL in 32-bit user mode");
        return;
    }
    r->rip -= 2;
    bounce_trap(v, r, VECTOR_UD, false, 0);
}

/* The processor refused the frame that the guest's registers were loaded from. */
void bad_iret_frame(struct regs *r)
{
    struct vcpu *v = current;
    const struct callback *cb = &v->arch.pv.callback[CALLBACKTYPE_failsafe];

    if (!cb->address) {
        domain_crash(v->domain,
                     "vcpu %u: bad return frame: cs:rip %#lx:%#lx, ss:rsp %#lx:%#lx, and "
                     "no failsafe callback is registered",
                     v->id, r->cs, r->rip, r->ss, r->rsp);
        return;
    }
    pv_save_segments(v);

    uint16_t segments[4] = {v->arch.pv.ds, v->arch.pv.es, v->arch.pv.fs, v->arch.pv.gs};
    struct entry e = {cb->address, cb->mask_events, false, 0, segments};

    enter_kernel(v, r, &e);
}

void guest_page_fault(struct vcpu *v, struct regs *r, uint64_t address)
{
    uint32_t error = r->error_code;

    /* A look into the LDT is the processor's own; the guest's accesses to that address are not. */
    if (!(error & (PF_PRESENT | PF_USER)) && paging_ldt_fault(address - paging_ldt_va(v), &address))
        return;
    if ((error & (PF_PRESENT | PF_WRITE | PF_RESERVED)) == (PF_PRESENT | PF_WRITE) &&
        v->arch.pv.kernel_mode && v->domain->vm_assist & 1ul << VMASST_TYPE_writable_pagetables &&
        pv_direct_write(v, r, address))
        return;
    v->info->arch.cr2 = address;
    error = (error & ~PF_USER) | (v->arch.pv.kernel_mode ? 0 : PF_USER);
    bounce_trap(v, r, VECTOR_PF, true, error);
}

/* Only at the last instruction of the way out may the mapping of an LDT page be waited for;
 * elsewhere (a switch of vCPUs) a selector that faults is replaced by the null selector. */
bool hypervisor_page_fault(const struct regs *r, uint64_t address)
{
    extern const char guest_iret[];

    return r->rip == (uint64_t)guest_iret &&
           paging_ldt_fault(address - paging_ldt_va(current), &address);
}

#define INT_N 0xcd

/* int $n raises #GP at a gate that the guest may not use, which is every one but 3 and 4: the
 * guest's own table decides. The error code names n, but emulated processors get that wrong: the
 * instruction itself says it. */
static bool software_interrupt(struct vcpu *v, struct regs *r)
{
    uint8_t insn[2];

    if (!(r->error_code & 2) || !copy_from_guest(insn, guest_ptr(r->rip), 2) || insn[0] != INT_N)
        return false;

    const struct trap_info *t = &v->arch.pv.traps[insn[1]];

    if (!t->address || TI_GET_DPL(t) < (v->arch.pv.kernel_mode ? 1 : 3)) {
        r->error_code = insn[1] * 8u + 2;
        return false;
    }
    r->rip += 2;
    bounce_trap(v, r, insn[1], false, 0);
    return true;
}

/* #TS, #NP, #SS, #GP, #PF and #AC have an error code. */
#define HAVE_ERROR_CODE (0x1fu << VECTOR_TS | 1u << VECTOR_AC)

void guest_exception(struct vcpu *v, struct regs *r)
{
    if (r->vector == VECTOR_UD && pv_emulate_forced(v, r))
        return;
    if (r->vector == VECTOR_GP && (software_interrupt(v, r) || pv_emulate_privileged(v, r)))
        return;
    if (r->vector == VECTOR_NM) /* the ABI: TS is clear when the handler runs */
        fpu_set_trap(false);
    bounce_trap(v, r, r->vector, HAVE_ERROR_CODE >> r->vector & 1, r->error_code);
}

/* As Xen has it: who has no handler does not learn of it. */
static void deliver_nmi(struct vcpu *v)
{
    struct pv_vcpu *pv = &v->arch.pv;

    pv->nmi_waits = pv->nmi_blocked;
    if (pv->nmi_blocked || !pv->traps[VECTOR_NMI].address)
        return;
    pv->nmi_blocked = true;
    bounce_trap(v, pv->regs, VECTOR_NMI, false, 0);
}

/* Reasons not to go straight back to the guest. */
void guest_work(void)
{
    struct vcpu *v = current;
    uint32_t work = __atomic_exchange_n(&v->work, 0, __ATOMIC_ACQ_REL);

    if (work & WORK_STOP)
        domain_vcpu_stopped(v);
    if (work & WORK_RESCHED) {
        schedule();
        domain_reap();
    }
    while (!domain_vcpu_may_run(v, NULL))
        sched_block(STATE_OFFLINE, domain_vcpu_may_run, NULL);
    if (work & WORK_NMI)
        deliver_nmi(v);
}
