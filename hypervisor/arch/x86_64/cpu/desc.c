/* Descriptor tables, SYSCALL and control registers of a CPU. */
#include "core/domain.h"
#include "core/log.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "cpu/layout.h"
#include "cpu/tlb.h"
#include "cpu/vectors.h"

struct cpu cpus[MAX_CPUS];
unsigned nr_cpus = 1;

struct gate {
    uint64_t low, high;
};

extern const char syscall_landing[], syscall32_landing[], vector_landing[];
static struct gate idt[256];

#define LANDING_SIZE   32 /* in entry.S: of each vector, and of each CPU's SYSCALL */
#define GATE_INTERRUPT 0x8e00ul
#define GATE_DPL3      0x6000ul

static uint8_t trap_stacks[MAX_CPUS][3][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));

void idt_init(void)
{
    static const uint8_t ist_of[256] = {[VECTOR_NMI] = 1, [VECTOR_DF] = 2, [VECTOR_MC] = 3};

    for (unsigned v = 0; v < 256; v++) {
        uint64_t handler = (uint64_t)vector_landing + LANDING_SIZE * v;
        uint64_t type = GATE_INTERRUPT | (v == VECTOR_BP || v == VECTOR_OF ? GATE_DPL3 : 0);

        idt[v].low = (handler & 0xffff) | (uint64_t)SEL_HV_CODE << 16 | (ist_of[v] | type) << 32 |
                     (handler >> 16 & 0xffff) << 48;
        idt[v].high = handler >> 32;
    }
}

static void gdt_system(uint64_t *entry, uint64_t base, uint32_t limit, uint64_t type)
{
    entry[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | type << 40 |
               (uint64_t)(limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
    entry[1] = base >> 32;
}

/* Index into page 14 of the GDT. */
static unsigned slot(unsigned selector)
{
    return (selector & 0xfff) / 8;
}

static void gdt_init(struct cpu *c)
{
    static uint64_t page0[512] __attribute__((aligned(PAGE_SIZE)));
    uint64_t *g = c->id ? arch_alloc_pages(0) : page0;

    ASSERT(g);
    g[slot(SEL_HV_CODE)] = 0x00af9b000000ffff;
    g[slot(SEL_HV_DATA)] = 0x00cf93000000ffff;
    g[slot(SEL_USER_CS32)] = 0x00cffb000000ffff;
    g[slot(SEL_USER_SS)] = 0x00cff3000000ffff;
    g[slot(SEL_USER_CS)] = 0x00affb000000ffff;
    gdt_system(&g[slot(SEL_TSS)], (uint64_t)&c->tss, sizeof(c->tss) - 1, 0x89);
    c->reserved_gdt = g;
}

struct table_register {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

void cpu_load_gdt(uint64_t va)
{
    struct table_register r = {15 * PAGE_SIZE - 1, va};

    __asm__ volatile("lgdt %0" : : "m"(r));
}

/* Between two guests no guest's GDT may be relied on: page 14 alone, seen through the direct map.
 * The 14 pages before it are whatever lies there and are never named by a selector of ours. */
void cpu_load_own_gdt(void)
{
    cpu_load_gdt((uint64_t)this_cpu()->reserved_gdt - 14 * PAGE_SIZE);
}

void cpu_load_ldt(uint64_t va, unsigned entries)
{
    uint16_t selector = 0;

    if (entries) {
        gdt_system(&this_cpu()->reserved_gdt[slot(SEL_LDT)], va, entries * 8 - 1, 0x82);
        selector = SEL_LDT;
    }
    __asm__ volatile("lldt %0" : : "r"(selector));
}

mfn_t cpu_reserved_gdt_page(unsigned cpu)
{
    uint64_t va = (uint64_t)cpus[cpu].reserved_gdt;

    return mfn((va - (va >= DIRECT_START ? DIRECT_START : IMAGE_START)) >> PAGE_SHIFT);
}

static void control_registers_init(void)
{
    uint32_t r[4];
    uint64_t cr4 = CR4_PAE | CR4_DE | CR4_MCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    cpuid(7, 0, r);
    if (r[1] & 1u << 0)
        cr4 |= CR4_FSGSBASE;
    if (r[1] & 1u << 7)
        cr4 |= CR4_SMEP;
    write_cr4(cr4);
    write_cr0(CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_PE | 0x10);
}

static void syscall_init(struct cpu *c)
{
    wrmsr(MSR_STAR, (uint64_t)SEL_USER_CS32 << 48 | (uint64_t)SEL_HV_CODE << 32);
    wrmsr(MSR_LSTAR, (uint64_t)syscall_landing + LANDING_SIZE * c->id);
    wrmsr(MSR_SYSENTER_CS, 0); /* SYSENTER raises #GP */
    wrmsr(MSR_CSTAR, (uint64_t)syscall32_landing + LANDING_SIZE * c->id);
    wrmsr(MSR_SFMASK, RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF |
                          RFLAGS_VM | RFLAGS_AC);
}

void cpu_init(struct cpu *c)
{
    struct table_register idtr = {sizeof(idt) - 1, (uint64_t)idt};

    for (unsigned i = 0; i < 3; i++) {
        struct stack_top *top =
            (struct stack_top *)(trap_stacks[c->id][i] + STACK_SIZE - sizeof(struct stack_top));

        *top = (struct stack_top){.vcpu = c->idle, .cpu = c};
        c->tss.ist[i] = (uint64_t)top;
    }
    c->tss.iomap = sizeof(c->tss);
    control_registers_init();
    gdt_init(c);
    c->tss.rsp0 = (uint64_t)stack_top();
    cpu_load_own_gdt();
    __asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
    __asm__ volatile("lidt %0" : : "m"(idtr));
    __asm__ volatile("mov %0, %%ss\n\tpush %1\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:"
                     :
                     : "r"(SEL_HV_DATA), "i"(SEL_HV_CODE)
                     : "rax", "memory");
    cpu_load_ldt(0, 0);
    __asm__ volatile("mov %0, %%dr7" : : "r"(0ul)); /* no breakpoints of the firmware's */
    syscall_init(c);
    fpu_init_cpu();
}
