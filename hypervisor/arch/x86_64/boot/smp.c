#include "boot/boot.h"
#include "core/domain.h"
#include "core/log.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "lib/string.h"
#include "paging/paging.h"

#define TRAMPOLINE_FRAME 8u /* not used by firmware or loaders that we know */

#define INIT_NS    10000000ul
#define STARTUP_NS 200000ul
#define PATIENCE   1000000000ul /* ns; an emulator may have other things to do */

#define CLOCK_ROUNDS 100u
#define CLOCK_NS     1000ul /* by which clocks may differ */

extern const char boot_trampoline[], boot_trampoline_end[];
extern struct {
    uint64_t cr3, stack;
    void (*function)(void);
} boot_entry;

static struct domain idle_domain = {.id = DOMID_IDLE, .name = "idle"};
static struct cpu *starting; /* it said that it is there */

/* The boot CPU asks what time it is, the one that starts answers. */
static uint64_t asked, answered, answer_ns;

void idle_init(struct cpu *c, struct vcpu *v, void *stack)
{
    struct stack_top *top = (struct stack_top *)((char *)stack + STACK_SIZE) - 1;

    top->vcpu = v;
    top->cpu = c;
    *v = (struct vcpu){.idle = true, .domain = &idle_domain, .info_frame = INVALID_MFN};
    v->arch.pv.regs = (struct regs *)top - 1;
    v->arch.paging.kernel_l4 = v->arch.paging.user_l4 = INVALID_MFN;
    c->idle = v;
}

static void ap_main(void)
{
    struct cpu *c = this_cpu();

    cpu_init(c);
    apic_init(APIC_VA, false);
    __atomic_store_n(&starting, c, __ATOMIC_RELEASE);
    for (uint64_t done = 0; done < CLOCK_ROUNDS;) {
        while (__atomic_load_n(&asked, __ATOMIC_ACQUIRE) == done)
            __builtin_ia32_pause();
        answer_ns = arch_now_ns();
        __atomic_store_n(&answered, ++done, __ATOMIC_RELEASE);
    }
    while (READ_ONCE(nr_cpus) <= c->id)
        __builtin_ia32_pause();
    sched_idle();
}

static void wait_ns(uint64_t ns)
{
    for (uint64_t end = arch_now_ns() + ns; arch_now_ns() < end;)
        __builtin_ia32_pause();
}

static bool comes(const struct cpu *c)
{
    const uint64_t end = arch_now_ns() + PATIENCE;

    starting = NULL;
    asked = answered = 0;
    apic_send(c->apic_id, APIC_INIT);
    wait_ns(INIT_NS);
    for (unsigned i = 0; i < 2; i++) { /* some need to be told twice */
        apic_send(c->apic_id, APIC_STARTUP | TRAMPOLINE_FRAME);
        wait_ns(STARTUP_NS);
    }
    while (__atomic_load_n(&starting, __ATOMIC_ACQUIRE) != c)
        if (arch_now_ns() > end)
            return false;
    return true;
}

/* How far its clock is outside of what ours said before and after it answered. */
static uint64_t clock_differs(void)
{
    uint64_t worst = 0;

    while (asked < CLOCK_ROUNDS) {
        uint64_t before = arch_now_ns(), after;

        __atomic_store_n(&asked, asked + 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) != asked)
            __builtin_ia32_pause();
        after = arch_now_ns();
        if (answer_ns < before)
            worst = MAX(worst, before - answer_ns);
        else if (answer_ns > after)
            worst = MAX(worst, answer_ns - after);
    }
    return worst;
}

static void start(uint32_t apic)
{
    struct cpu *c = &cpus[nr_cpus];
    struct vcpu *idle = arch_alloc_pages(0);
    char *stack = arch_alloc_pages(1);
    uint64_t differs;

    if (!idle || !stack)
        panic("no memory to start CPU %u", nr_cpus);
    *c = (struct cpu){.id = nr_cpus, .apic_id = apic};
    idle_init(c, idle, stack);
    boot_entry.stack = (uint64_t)(stack + STACK_SIZE - sizeof(struct stack_top));
    if (!comes(c)) {
        log_line("CPU with APIC id %u: does not start, and stays unused", apic);
    } else if ((differs = clock_differs()) > CLOCK_NS) {
        log_line("CPU with APIC id %u: its clock differs by %lu ns, expected at most %lu: it stays "
                 "unused",
                 apic, differs, CLOCK_NS);
    } else {
        sched_init_cpu(c->id, idle);
        __atomic_store_n(&nr_cpus, nr_cpus + 1, __ATOMIC_SEQ_CST);
        return;
    }
    apic_send(apic, APIC_INIT); /* never, then */
}

void smp_start(const struct acpi_info *acpi)
{
    memcpy((void *)(DIRECT_START + TRAMPOLINE_FRAME * PAGE_SIZE), boot_trampoline,
           (size_t)(boot_trampoline_end - boot_trampoline));
    boot_entry.cr3 = (uint64_t)paging_l4_template - IMAGE_START;
    boot_entry.function = ap_main;
    for (unsigned i = 0; i < acpi->nr_cpus && nr_cpus < MAX_CPUS; i++)
        if (acpi->apic_id[i] != cpus[0].apic_id)
            start(acpi->apic_id[i]);
}
