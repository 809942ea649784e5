/* The steps of boot, and what they hand on: what loader and firmware say of the machine, its
 * memory, its other CPUs. */
#pragma once

#include "core/sched.h"

struct cpu;

/* --- the loader --- */

#define BOOT_RANGES_MAX 64

struct range {
    uint64_t start, end; /* physical addresses */
};

struct boot_info {
    struct range ram[BOOT_RANGES_MAX]; /* whole pages of usable memory, disjoint, in any order */
    unsigned nr_ram;
    uint64_t ram_bytes, ram_end;
    struct range module; /* the first one: the system tree; empty: none */
};

/* Copies out what a multiboot 1 loader left, because its structures lie in memory that is about to
 * be used. Reads through the boot page tables' direct map. Panics if a loader left something else.
 */
void multiboot_read(struct boot_info *info, uint32_t magic, uint32_t info_address);

/* --- the firmware --- */

struct acpi_info {
    unsigned nr_cpus;
    uint32_t apic_id[MAX_CPUS]; /* of CPUs that can be started, each once, in the table's order: the
                                   boot CPU's need not be the first */
    unsigned nr_refused;        /* enabled CPUs that are not among these */
    uint64_t hpet;              /* physical address of the registers, below 4 GiB; 0: none */
    uint16_t pm_timer;          /* port of a counter of 24 bits or more; 0: none */
};

/* Reads through the boot page tables' direct map, so before memory_init(). Finds nothing where
 * there is no ACPI, or where a UEFI loader did not say where it is: *info is then all zero. A
 * broken table costs a line on the console and what only it says. */
void acpi_read(struct acpi_info *info);

/* --- memory --- */

/* Builds the final page tables, the frame table and the M2P, and hands free memory to the
 * allocator. The module's memory stays apart. The HPET's registers are mapped too, if there is one.
 * Panics if there is not enough memory to boot. */
void memory_init(const struct boot_info *info, uint64_t hpet);
/* The module is not needed any more. */
void memory_release_module(const struct boot_info *info);

/* Where memory_init mapped the local APIC's registers. */
#define APIC_VA CPU_AREA_START
/* And the page of the HPET. */
#define HPET_VA (CPU_AREA_START + PAGE_SIZE)

/* --- the other CPUs --- */

/* A CPU's idle vCPU, on that stack. */
void idle_init(struct cpu *c, struct vcpu *v, void *stack);
/* Starts those that ACPI lists, one after the other; they idle. One that does not come, or whose
 * clock is not ours, costs a line and stays unused. */
void smp_start(const struct acpi_info *acpi);
