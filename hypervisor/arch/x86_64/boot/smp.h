/* Starting the other CPUs. */
#pragma once

#include "boot/acpi.h"
#include "cpu/cpu.h"

/* A CPU's idle vCPU, on that stack. */
void idle_init(struct cpu *c, struct vcpu *v, void *stack);
/* Starts those that ACPI lists, one after the other; they idle. One that does not come, or whose
 * clock is not ours, costs a line and stays unused. */
void smp_start(const struct acpi_info *acpi);
