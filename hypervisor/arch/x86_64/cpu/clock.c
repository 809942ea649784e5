#include "core/domain.h"
#include "core/log.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/insn.h"

#define NS_PER_S 1000000000ul

/* 8254 channel 2, which can be polled through port 0x61. */
#define PIT_HZ      1193182u
#define PIT_COUNT   59659u /* 50 ms */
#define PIT_CH2     0x42
#define PIT_COMMAND 0x43
#define PIT_GATE    0x61

uint64_t tsc_hz;
static uint64_t apic_hz, tsc_boot, wallclock_boot_ns;

/* The guest's formula and ours are one, so that both clocks agree to the nanosecond:
 * ns = ((tsc - tsc_boot) << shift) * mul >> 32. */
static uint32_t tsc_mul;
static int8_t tsc_shift;

static void set_scale(uint64_t hz)
{
    uint64_t ns = NS_PER_S;

    tsc_shift = 0;
    while (hz > 2 * NS_PER_S) {
        hz >>= 1;
        tsc_shift--;
    }
    while (ns >= hz) { /* mul = ns / hz must stay below 1 in 0.32 fixed point */
        hz <<= 1;
        tsc_shift++;
    }
    tsc_mul = (uint32_t)((ns << 32) / hz);
}

uint64_t arch_now_ns(void)
{
    uint64_t delta = rdtsc() - tsc_boot;

    delta = tsc_shift < 0 ? delta >> -tsc_shift : delta << tsc_shift;
    return (uint64_t)((unsigned __int128)delta * tsc_mul >> 32);
}

static void calibrate(void)
{
    uint8_t gate = inb(PIT_GATE) & 0xfc;

    outb(PIT_GATE, gate);
    outb(PIT_COMMAND, 0xb0); /* channel 2, both bytes, mode 0: output rises at zero */
    outb(PIT_CH2, PIT_COUNT & 0xff);
    outb(PIT_CH2, PIT_COUNT >> 8);
    outb(PIT_GATE, gate | 1);

    uint64_t start = rdtsc();

    apic_timer_start(~0u);
    while (!(inb(PIT_GATE) & 0x20))
        ;

    uint64_t tsc = rdtsc() - start;
    uint64_t apic = ~0u - apic_timer_left();

    apic_timer_start(0);
    tsc_hz = tsc * PIT_HZ / PIT_COUNT;
    apic_hz = apic * PIT_HZ / PIT_COUNT;
}

static unsigned cmos(unsigned reg)
{
    outb(0x70, 0x80 | reg);
    return inb(0x71);
}

/* Days from 1970-01-01, for years 1970 .. 2099. */
static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint64_t days = (year - 1970) * 365ul + (year - 1969) / 4;

    days += before[(month - 1) % 12] + day - 1;
    if (year % 4 == 0 && month > 2)
        days++;
    return days;
}

static uint64_t read_rtc(void)
{
    static const uint8_t reg[6] = {0, 2, 4, 7, 8, 9};
    unsigned t[6];
    bool same = false;

    /* Two equal readings in a row, or we caught it in the middle of an update. */
    for (int tries = 0; tries < 1000 && !same; tries++) {
        for (int i = 0; i < 6; i++)
            t[i] = cmos(reg[i]);
        same = true;
        for (int i = 0; i < 6; i++)
            same &= t[i] == cmos(reg[i]);
    }

    unsigned status = cmos(0xb);
    bool bcd = !(status & 4), pm = !(status & 2) && (t[2] & 0x80);

    t[2] &= 0x7f;
    for (int i = 0; bcd && i < 6; i++)
        t[i] = (t[i] >> 4) * 10 + (t[i] & 15);
    if (!(status & 2))
        t[2] = t[2] % 12 + (pm ? 12 : 0);
    return days_since_1970(2000 + t[5], t[4], t[3]) * 86400 + t[2] * 3600 + t[1] * 60 + t[0];
}

void clock_init(void)
{
    calibrate();
    set_scale(tsc_hz);
    tsc_boot = rdtsc();
    wallclock_boot_ns = read_rtc() * NS_PER_S;
}

uint64_t arch_boot_wallclock_ns(void)
{
    return wallclock_boot_ns;
}

void arch_set_timer(uint64_t deadline_ns)
{
    if (!deadline_ns) {
        apic_timer_start(0);
        return;
    }

    uint64_t now = arch_now_ns();
    uint64_t ns = deadline_ns > now ? deadline_ns - now : 0;

    /* A far deadline comes in steps; the timer queue looks at the clock each time. */
    ns = MIN(ns, NS_PER_S);

    uint64_t count = ns * apic_hz / NS_PER_S + 1;

    apic_timer_start((uint32_t)MIN(count, ~0u));
}

void arch_init_vcpu_time(struct vcpu *v)
{
    v->info->time = (struct vcpu_time_info){
        .version = 2, /* even: not being written */
        .tsc_timestamp = tsc_boot,
        .tsc_to_system_mul = tsc_mul,
        .tsc_shift = tsc_shift,
        .flags = 1, /* XEN_PVCLOCK_TSC_STABLE_BIT */
    };
}
