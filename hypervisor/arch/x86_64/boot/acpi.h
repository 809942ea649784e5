/* What the firmware's ACPI tables say about the machine. */
#pragma once

#include "core/sched.h"
#include "lib/types.h"

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
