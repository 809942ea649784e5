#include "cpu/apic.h"
#include "cpu/insn.h"
#include "cpu/vectors.h"

#define REG_ID         0x020
#define REG_EOI        0x0b0
#define REG_SPURIOUS   0x0f0
#define REG_LVT_TIMER  0x320
#define REG_LVT_LINT0  0x350
#define REG_LVT_LINT1  0x360
#define REG_TIMER_INIT 0x380
#define REG_TIMER_NOW  0x390
#define REG_TIMER_DIV  0x3e0

#define LVT_EXTINT 0x700
#define LVT_NMI    0x400
#define DIV_1      0xb

static volatile uint32_t *apic;

static uint32_t get(unsigned reg)
{
    return apic[reg / 4];
}

static void set(unsigned reg, uint32_t value)
{
    apic[reg / 4] = value;
}

void apic_init(uint64_t va)
{
    apic = (volatile uint32_t *)va;
    set(REG_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
    set(REG_LVT_LINT0, LVT_EXTINT);
    set(REG_LVT_LINT1, LVT_NMI);
    set(REG_TIMER_DIV, DIV_1);
    set(REG_LVT_TIMER, VECTOR_TIMER);
}

void apic_timer_start(uint32_t count)
{
    set(REG_TIMER_INIT, count);
}

uint32_t apic_timer_left(void)
{
    return get(REG_TIMER_NOW);
}

void apic_end_of_interrupt(void)
{
    set(REG_EOI, 0);
}

uint32_t apic_id(void)
{
    return get(REG_ID) >> 24;
}
