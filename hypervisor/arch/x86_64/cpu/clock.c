#include "core/domain.h"
#include "core/log.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/insn.h"

#define NS_PER_S 1000000000ul

/* Indices of registers, 32 bits each. */
#define HPET_PERIOD     1
#define HPET_CONFIG     4
#define HPET_COUNTER    60
#define HPET_PERIOD_MAX 100000000u /* fs, by its specification */

/* 8254 channel 2, which can be polled through port 0x61. */
#define PIT_CH2     0x42
#define PIT_COMMAND 0x43
#define PIT_GATE    0x61
#define PIT_RAN_OUT 0x20

#define INTERVALS_PER_S 20          /* it is measured for 50 ms */
#define GIVE_UP_TICKS   (1ul << 34) /* seconds at any rate */

const char *clock_reference;
uint64_t clock_error_ppm;
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

/* A counter whose rate is known. */
struct reference {
    const char *name;
    uint64_t hz;
    uint32_t mask; /* of the bits that it counts */
    uint32_t (*read)(void);
};

static uint16_t pm_port;
static volatile uint32_t *hpet;

static uint32_t hpet_read(void)
{
    return hpet[HPET_COUNTER];
}

static uint32_t pm_read(void)
{
    return inl(pm_port);
}

static uint32_t pit_read(void)
{
    outb(PIT_COMMAND, 0x80); /* latch channel 2 */

    uint32_t low = inb(PIT_CH2);

    return ~(low | (uint32_t)inb(PIT_CH2) << 8);
}

static void pit_start(void)
{
    uint8_t gate = inb(PIT_GATE) & 0xfc;

    outb(PIT_GATE, gate);
    outb(PIT_COMMAND, 0xb0); /* channel 2, both bytes, mode 0: output rises at zero */
    outb(PIT_CH2, 0xff);
    outb(PIT_CH2, 0xff);
    outb(PIT_GATE, gate | 1);
}

/* All clocks at once: they were read within `width` around tsc. */
struct stamp {
    uint64_t tsc, width;
    uint32_t count, apic;
};

/* The best of some: what interrupts one (firmware, an emulator's host) makes it wide. */
static struct stamp take_stamp(const struct reference *ref)
{
    struct stamp best = {.width = ~0ul};

    for (int i = 0; i < 16; i++) {
        uint64_t start = rdtsc();
        uint32_t count = ref->read(), apic = apic_timer_left();
        uint64_t width = rdtsc() - start;

        if (width < best.width)
            best = (struct stamp){start + width / 2, width, count, apic};
    }
    return best;
}

/* False: it does not count. */
static bool measure(const struct reference *ref)
{
    struct stamp from, to;
    uint64_t elapsed, ticks;

    apic_timer_start(~0u);
    from = take_stamp(ref);
    do {
        to = take_stamp(ref);
        ticks = to.tsc - from.tsc;
        elapsed = (to.count - from.count) & ref->mask;
        if (ticks > GIVE_UP_TICKS)
            return false;
    } while (elapsed < ref->hz / INTERVALS_PER_S);
    apic_timer_start(0);
    tsc_hz = ticks * ref->hz / elapsed;
    apic_hz = (from.apic - to.apic) * ref->hz / elapsed;
    clock_reference = ref->name;
    /* Half the width at each end, and one count. */
    clock_error_ppm = (from.width + to.width) * 500000 / ticks + 1000000 / elapsed + 1;
    return true;
}

static void calibrate(void)
{
    static const struct reference pm = {"ACPI timer", 3579545, 0xffffff, pm_read};
    static const struct reference pit = {"PIT", 1193182, 0xffff, pit_read};
    struct reference by_hpet = {"HPET", 0, ~0u, hpet_read};

    if (hpet && hpet[HPET_PERIOD] - 1 < HPET_PERIOD_MAX) {
        hpet[HPET_CONFIG] |= 1; /* count */
        by_hpet.hz = 1000000000000000ul / hpet[HPET_PERIOD];
        if (measure(&by_hpet))
            return;
    }
    if (pm_port && measure(&pm))
        return;
    /* It passes its 55 ms unseen if something interrupts us for long. */
    for (int tries = 0; tries < 10; tries++) {
        pit_start();
        if (measure(&pit) && !(inb(PIT_GATE) & PIT_RAN_OUT))
            return;
    }
    panic("no clock that the TSC could be measured by: HPET, ACPI timer or PIT");
}

void clock_init(uint64_t hpet_va, uint16_t pm_timer_port)
{
    hpet = (volatile uint32_t *)hpet_va;
    pm_port = pm_timer_port;
    calibrate();
    set_scale(tsc_hz);
    tsc_boot = rdtsc();
    wallclock_boot_ns = rtc_read() * NS_PER_S;
    if (!wallclock_boot_ns)
        log_line("the battery clock shows no date: the wall clock starts at 1970-01-01");
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

    uint64_t now = arch_now_ns(), ns = deadline_ns > now ? deadline_ns - now : 0;
    /* A far deadline comes in steps; the timer queue looks at the clock each time. */
    uint64_t count = MIN(ns, NS_PER_S) * apic_hz / NS_PER_S + 1;

    apic_timer_start((uint32_t)MIN(count, ~0u));
}

struct vcpu_time_info arch_time_info(void)
{
    return (struct vcpu_time_info){
        .version = 2, /* even: not being written */
        .tsc_timestamp = tsc_boot,
        .tsc_to_system_mul = tsc_mul,
        .tsc_shift = tsc_shift,
        .flags = 1, /* XEN_PVCLOCK_TSC_STABLE_BIT */
    };
}
