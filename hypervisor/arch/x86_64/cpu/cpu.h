/* A host CPU and what it needs to enter and leave guests. */
#pragma once

#include "core/sched.h"
#include "cpu/regs.h"
#include "cpu/stack.h"

struct tss {
    uint32_t reserved0;
    uint64_t rsp0, rsp1, rsp2, reserved1, ist[7], reserved2;
    uint16_t reserved3, iomap;
} __attribute__((packed));

struct cpu {
    uint64_t scratch;       /* guest stack pointer on the first instructions of SYSCALL */
    uint64_t *reserved_gdt; /* page 14 of the GDT */
    unsigned id;
    uint32_t apic_id;
    struct vcpu *idle;
    struct cpu_call {
        void (*function)(uint64_t arg);
        uint64_t arg;
        uint64_t waiting; /* CPUs that have not done it yet (atomic) */
    } call;
    uint64_t asked; /* CPUs whose call is for this one (atomic) */
    struct tss tss; /* rsp0: of the vCPU that runs here, as traps and SYSCALL enter it */
};

extern struct cpu cpus[MAX_CPUS];
extern unsigned nr_cpus;
extern bool panicking; /* no CPU goes on but one */

static inline struct cpu *this_cpu(void)
{
    return stack_top()->cpu;
}

/* Has function(arg) done on each CPU of the mask, with interrupts off, perhaps this one; cpu_call
 * also waits until it was. The others come to it at their next interrupt, or while they wait for
 * such a call themselves: hold no spin lock. One at a time on each CPU. */
void cpu_call(uint64_t mask, void (*function)(uint64_t arg), uint64_t arg);
void cpu_call_begin(uint64_t mask, void (*function)(uint64_t arg), uint64_t arg);
void cpu_call_end(void);
/* Does what others ask of this CPU. */
void cpu_answer(void);

/* Those that are in use, as a mask. */
static inline uint64_t all_cpus(void)
{
    return ~0ul >> (64 - READ_ONCE(nr_cpus));
}

/* Descriptors, interrupt gates, SYSCALL and control registers of this CPU. */
void cpu_init(struct cpu *c);
void idt_init(void);

/* Why a guest can read memory here that its page tables do not let it, for a message; NULL: it
 * cannot, as far as is known. The hypervisor's mappings are in every guest's tables, so on a CPU
 * with Meltdown or L1TF they are readable. */
const char *cpu_leak(void);

/* From entry.S; the argument lies on the stack. */
void trap_from_guest(struct vcpu *v, struct regs *regs);
void trap_from_hypervisor(struct regs *regs);
void trap_on_own_stack(struct regs *regs);

/* --- floating point and vector state (fpu.c): saved and restored eagerly at each switch between
 * vCPUs, so that nothing of one guest's is ever seen by another. The hypervisor itself uses none.
 * --- */

/* State components that guests may use (XCR0); 0 where the CPU has no XSAVE. */
extern uint64_t fpu_components;

void fpu_init_cpu(void);
/* Writes the processor's initial state into an area of one page, zeroed by the caller. */
void fpu_init_area(void *area);
void fpu_save(void *area);
void fpu_restore(const void *area);
/* CR0.TS: whether the guest's next FPU instruction raises #NM. */
void fpu_set_trap(bool on);
