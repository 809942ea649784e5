#include "cpu/apic.h"
#include "cpu/vectors.h"

/* Indices: registers are 32 bits wide, and at every sixteenth byte. */
#define REG_ID         (0x020 / 4)
#define REG_EOI        (0x0b0 / 4)
#define REG_SPURIOUS   (0x0f0 / 4)
#define REG_ICR        (0x300 / 4)
#define REG_ICR_TO     (0x310 / 4)
#define REG_LVT_TIMER  (0x320 / 4)
#define REG_LVT_LINT0  (0x350 / 4)
#define REG_LVT_LINT1  (0x360 / 4)
#define REG_TIMER_INIT (0x380 / 4)
#define REG_TIMER_NOW  (0x390 / 4)
#define REG_TIMER_DIV  (0x3e0 / 4)

#define LVT_EXTINT 0x700
#define LVT_NMI    0x400
#define LVT_MASKED 0x10000
#define DIV_1      0xb

#define ICR_NMI    0x400
#define ICR_BUSY   0x1000
#define ICR_ASSERT 0x4000
#define ICR_OTHERS 0xc0000

static volatile uint32_t *apic;

void apic_init(uint64_t va, bool first)
{
    apic = (volatile uint32_t *)va;
    apic[REG_SPURIOUS] = 0x100 | VECTOR_SPURIOUS;
    apic[REG_LVT_LINT0] = first ? LVT_EXTINT : LVT_MASKED;
    apic[REG_LVT_LINT1] = LVT_NMI;
    apic[REG_TIMER_DIV] = DIV_1;
    apic[REG_LVT_TIMER] = VECTOR_TIMER;
}

void apic_timer_start(uint32_t count)
{
    apic[REG_TIMER_INIT] = count;
}

uint32_t apic_timer_left(void)
{
    return apic[REG_TIMER_NOW];
}

void apic_end_of_interrupt(void)
{
    apic[REG_EOI] = 0;
}

uint32_t apic_id(void)
{
    return apic[REG_ID] >> 24;
}

void apic_send(uint32_t id, uint32_t what)
{
    apic[REG_ICR_TO] = id << 24;
    apic[REG_ICR] = what | ICR_ASSERT;
    while (apic[REG_ICR] & ICR_BUSY)
        __builtin_ia32_pause();
}

void apic_stop_others(void)
{
    if (apic)
        apic_send(0, ICR_OTHERS | ICR_NMI);
}
