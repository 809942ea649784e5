/* The hypervisor's address space, and the first distribution of memory. */
#pragma once

#include "boot/multiboot.h"
#include "cpu/layout.h"

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
