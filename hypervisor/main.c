/* Boot: from the loader to the first guest, as a list of steps. */
#include "boot/boot.h"
#include <core/audit.h> /* with self-checks debug/ has it, and this folder comes first for "" */
#include "core/hypercall.h"
#include "core/log.h"
#include "core/wiring.h"
#include "cpu/apic.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "cpu/layout.h"
#include "cpu/traps.h"
#include "pv/pv.h"

char idle_stack0[STACK_SIZE] __attribute__((aligned(STACK_SIZE)));

static struct vcpu idle_vcpu0;

/* libfdt was built with the stack protector: it looks for a canary at fs:0x28. */
static uint64_t canary_block[6];

void __stack_chk_fail(void);

void __stack_chk_fail(void)
{
    panic("libfdt overran its stack frame");
}

/* On a CPU that leaks, who could read all memory anyway loses no one's secrets by running. */
static bool may_run_here(const struct system_config *sys, const struct domain_config *config)
{
    const char *leak = cpu_leak();

    if (!leak || sys->allow_unsafe_cpu || config->privileges & PRIV_FOREIGN_MAP)
        return true;
    log_line(
        "/domains/%s: untrusted, and %s: expected another CPU, the privilege \"foreign-map\", or "
        "allow-unsafe-cpu in /hypervisor",
        config->name, leak);
    return false;
}

/* False: something was refused, or could not be built. */
static bool build_all(const struct system_config *sys)
{
    static struct domain_config config;
    static struct domain *built[CONFIG_MAX_DOMAINS];
    const bool audited = !sys->audit_calls || audit_calls();
    unsigned n = 0, wires_refused;

    console_set_prefix(sys->nr_domains > 1);
    for (unsigned i = 0; i < sys->nr_domains; i++) {
        if (!config_domain(sys, i, &config) || !may_run_here(sys, &config))
            continue;
        built[i] = build_domain(&config);
        n += built[i] != NULL;
    }
    wires_refused = wiring_apply(sys, built);
    for (unsigned i = 0; i < sys->nr_domains; i++)
        if (built[i]) {
            console_replace_focus(NULL, built[i]); /* the first one has it */
            domain_start(built[i]);
        }
    if (!n)
        log_line("no domain to run");
    return audited && n == sys->nr_domains && !wires_refused && !sys->refused;
}

void boot_main(uint32_t magic, uint32_t info_address);

void boot_main(uint32_t magic, uint32_t info_address)
{
    static struct boot_info boot;
    static struct acpi_info acpi;
    static struct system_config sys;
    const void *tree;

    canary_block[5] = rdtsc() & ~0xfful;
    idle_init(&cpus[0], &idle_vcpu0, idle_stack0);
    wrmsr(MSR_FS_BASE, (uint64_t)canary_block);
    serial_init();
    log_line("Lamina %s, ABI version %u, PV guests on x86-64", LAMINA_VERSION, LAMINA_ABI_VERSION);
    idt_init();
    cpu_init(&cpus[0]);
    multiboot_read(&boot, magic, info_address);
    acpi_read(&acpi);
    memory_init(&boot, acpi.hpet);
    pic_init();
    apic_init(APIC_VA, true);
    cpus[0].apic_id = apic_id();
    clock_init(acpi.hpet ? HPET_VA + acpi.hpet % PAGE_SIZE : 0, acpi.pm_timer);
    sched_init_cpu(0, &idle_vcpu0);
    smp_start(&acpi);
    hypercall_init();
    log_line("%lu MiB of memory, %lu MiB free; %u CPU%s used, %lu.%03lu MHz by %s, within %lu ppm",
             boot.ram_bytes >> 20, frames_free_count() >> 8, nr_cpus, nr_cpus > 1 ? "s" : "",
             tsc_hz / 1000000, tsc_hz / 1000 % 1000, clock_reference, clock_error_ppm);

    tree = (const void *)(DIRECT_START + boot.module.start);
    domains_one_less(!config_open(&sys, tree, boot.module.end - boot.module.start) ||
                     !build_all(&sys));
    memory_release_module(&boot);
    serial_listen();
    sched_idle();
}
