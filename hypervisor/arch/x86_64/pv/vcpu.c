/* A vCPU's hypervisor stack and processor state, and the switch from one vCPU to the next. */
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/vectors.h"
#include "paging/paging.h"
#include "pv/pv.h"

#define STACK_ORDER 1
_Static_assert(STACK_SIZE == PAGE_SIZE << STACK_ORDER, "one allocation, aligned to its size");

extern void switch_stacks(uint64_t *save_rsp, uint64_t load_rsp);
extern const char vcpu_first_run[];

unsigned arch_this_cpu(void)
{
    return this_cpu()->id;
}

int arch_vcpu_init(struct vcpu *v)
{
    struct pv_vcpu *pv = &v->arch.pv;

    paging_vcpu_init(v);
    pv->stack = arch_alloc_pages(STACK_ORDER);
    pv->fpu = arch_alloc_pages(0);
    pv->traps = arch_alloc_pages(0);
    if (!pv->stack || !pv->fpu || !pv->traps)
        return -XEN_ENOMEM;
    fpu_init_area(pv->fpu);

    struct stack_top *top = (struct stack_top *)((char *)pv->stack + STACK_SIZE) - 1;

    top->vcpu = v;
    pv->regs = (struct regs *)top - 1;
    pv->kernel_mode = true;
    return 0;
}

void arch_vcpu_free(struct vcpu *v)
{
    arch_free_pages(v->arch.pv.stack, STACK_ORDER);
    arch_free_pages(v->arch.pv.fpu, 0);
    arch_free_pages(v->arch.pv.traps, 0);
}

/* What switch_stacks pops before it returns to the first run. */
struct first_frame {
    uint64_t saved[6];
    const void *return_to;
};

void pv_vcpu_start(struct vcpu *v, uint64_t rip, uint64_t rsp, uint64_t rsi)
{
    struct regs *r = v->arch.pv.regs;
    struct first_frame *f = (struct first_frame *)r - 1;

    *r = (struct regs){.rip = rip,
                       .cs = SEL_USER_CS,
                       .rflags = RFLAGS_IF | RFLAGS_FIXED,
                       .rsp = rsp,
                       .ss = SEL_USER_SS,
                       .rsi = rsi,
                       .vector = VECTOR_BP};
    *f = (struct first_frame){.return_to = vcpu_first_run};
    ((struct stack_top *)(r + 1))->guest_limit =
        GUEST_LIMIT(v->domain->privileges & PRIV_LINEAR_TABLES ? LINEAR_START : LOWER_HALF_END);
    v->arch.pv.stack_rsp = (uint64_t)f;
    v->info->evtchn_upcall_mask = 1;
}

/* Everything of the next vCPU is loaded while we are still on the previous one's stack, so that a
 * new vCPU needs no special case. */
void arch_switch(struct vcpu *prev, struct vcpu *next)
{
    struct cpu *c = this_cpu();

    if (!prev->idle) {
        prev->arch.pv.fpu_trap = read_cr0() & CR0_TS;
        fpu_set_trap(false);
        fpu_save(prev->arch.pv.fpu);
        pv_save_segments(prev);
    }
    struct stack_top *top = (struct stack_top *)(next->arch.pv.regs + 1);

    top->cpu = c;
    c->tss.rsp0 = (uint64_t)top;
    paging_switch_to(next, next->arch.pv.kernel_mode);
    if (!next->idle) {
        /* Without tables there is no GDT of the guest's either: it only gives back its resources.
         */
        if (!mfn_equal(next->arch.paging.kernel_l4, INVALID_MFN))
            pv_load_segments(next);
        fpu_restore(next->arch.pv.fpu);
        if (next->arch.pv.fpu_trap)
            fpu_set_trap(true);
    }
    switch_stacks(&prev->arch.pv.stack_rsp, next->arch.pv.stack_rsp);
}

void arch_kick_cpu(unsigned cpu)
{
    apic_send(cpus[cpu].apic_id, VECTOR_LOOK);
}

/* On its way to another CPU it comes by there anyway; on this one it looks before it leaves. */
void arch_kick_vcpu(struct vcpu *v)
{
    unsigned cpu = READ_ONCE(v->sched.cpu);

    if (cpu != this_cpu()->id)
        apic_send(cpus[cpu].apic_id, VECTOR_KICK);
}

static void nothing(uint64_t)
{
}

void arch_outlast_others(void)
{
    cpu_call(all_cpus(), nothing, 0);
}

void arch_poll_interrupts(void)
{
    __asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}

/* Interrupts that come between the two instructions wait: sti takes effect after hlt has begun. */
void arch_wait_for_interrupt(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
}

#define EXIT_PORT 0xf4
#define EXIT_BASE 0x10

void arch_machine_exit(int status)
{
    __asm__ volatile("outl %0, %1" : : "a"(EXIT_BASE + status), "Nd"((uint16_t)EXIT_PORT));
    for (;;)
        __asm__ volatile("cli\n\thlt");
}
