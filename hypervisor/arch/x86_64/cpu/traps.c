/* Sorts exceptions and interrupts. */
#include "core/arch.h"
#include "core/log.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "cpu/traps.h"
#include "cpu/vectors.h"

#define PIC1     0x20
#define PIC2     0xa0
#define IRQ_COM1 4

/* With no line open. */
void pic_init(void)
{
    static const uint8_t setup[][2] = {
        {PIC1, 0x11},     {PIC2, 0x11},     {PIC1 + 1, VECTOR_PIC}, {PIC2 + 1, VECTOR_PIC + 8},
        {PIC1 + 1, 4},    {PIC2 + 1, 2},    {PIC1 + 1, 1},          {PIC2 + 1, 1},
        {PIC1 + 1, 0xff}, {PIC2 + 1, 0xff},
    };

    for (unsigned i = 0; i < ARRAY_LEN(setup); i++)
        outb(setup[i][0], setup[i][1]);
}

void pic_open_com1(void)
{
    outb(PIC1 + 1, 0xff & ~(1u << IRQ_COM1));
}

static void interrupt(unsigned vector)
{
    if (vector == VECTOR_PIC + IRQ_COM1) {
        console_interrupt();
        outb(PIC1, 0x20);
    }
    if (vector < VECTOR_TIMER || vector == VECTOR_SPURIOUS)
        return; /* other lines of the PIC are closed: spurious too, so that none is in service */
    apic_end_of_interrupt();
    if (vector == VECTOR_TIMER)
        timer_interrupt();
    else if (vector == VECTOR_CALL)
        cpu_answer();
    else if (vector == VECTOR_LOOK)
        sched_look();
}

void trap_from_guest(struct vcpu *v, struct regs *regs)
{
    if (unlikely(regs->rflags & (RFLAGS_VM | RFLAGS_IOPL))) {
        guest_bad_flags(v, regs);
        interrupt(regs->vector); /* if it is one: or none would ever come again */
        return;
    }
    if (regs->vector == VECTOR_PF)
        guest_page_fault(v, regs, read_cr2());
    else if (regs->vector < 32)
        guest_exception(v, regs);
    else
        interrupt(regs->vector);
}

static __attribute__((noreturn)) void hypervisor_fault(const struct regs *r, const char *what)
{
    log_line("rip %04lx:%016lx  rsp %04lx:%016lx  rflags %06lx", r->cs, r->rip, r->ss, r->rsp,
             r->rflags);
    log_line("rax %016lx  rbx %016lx  rcx %016lx  rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_line("rsi %016lx  rdi %016lx  rbp %016lx  r8  %016lx", r->rsi, r->rdi, r->rbp, r->r8);
    log_line("r9  %016lx  r10 %016lx  r11 %016lx  r12 %016lx", r->r9, r->r10, r->r11, r->r12);
    log_line("r13 %016lx  r14 %016lx  r15 %016lx", r->r13, r->r14, r->r15);
    panic("%s: vector %u, error code %#x, cr2 %#lx, cr3 %#lx", what, r->vector, r->error_code,
          read_cr2(), read_cr3());
}

/* Where to resume after a fault at rip (cpu/fixup.h); 0: nowhere, it is a bug. */
static uint64_t fixup_find(uint64_t rip)
{
    extern const struct fixup {
        int32_t at, to; /* relative to their own address */
    } fixup_table[], fixup_table_end[];

    for (const struct fixup *f = fixup_table; f < fixup_table_end; f++)
        if ((uint64_t)&f->at + f->at == rip)
            return (uint64_t)&f->to + f->to;
    return 0;
}

void trap_from_hypervisor(struct regs *regs)
{
    extern const char guest_iret_again[];
    uint64_t resume;

    if (regs->vector >= 32) {
        interrupt(regs->vector);
        return;
    }
    if (regs->vector == VECTOR_PF && hypervisor_page_fault(regs, read_cr2()))
        resume = (uint64_t)guest_iret_again;
    else
        resume = fixup_find(regs->rip);
    if (!resume)
        hypervisor_fault(regs, "fault in the hypervisor");
    regs->rip = resume;
}

void trap_on_own_stack(struct regs *regs)
{
    static const char ignored[] = "\n(lamina) NMI, ignored\n";

    if (panicking) /* that is what the NMI is for */
        for (;;)
            __asm__ volatile("cli\n\thlt");
    if (regs->vector != VECTOR_NMI)
        hypervisor_fault(regs, regs->vector == VECTOR_DF ? "double fault" : "machine check");
    /* Not a line of the log: it may have come under the console's lock. */
    arch_console_write(ignored, sizeof(ignored) - 1);
}
