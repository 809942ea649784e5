/* The local APIC: the one-shot timer, and interrupts for other CPUs. */
#pragma once

#include "lib/types.h"

#define APIC_PHYS 0xfee00000ul

/* Of this CPU; the registers are mapped at va. The first CPU also passes what the 8259 pair
 * delivers.
 */
void apic_init(uint64_t va, bool first);
/* Timer counts since the last call of apic_timer_start, for calibration. */
void apic_timer_start(uint32_t count);
uint32_t apic_timer_left(void);
void apic_end_of_interrupt(void);
uint32_t apic_id(void);

/* To the CPU with that APIC id: the vector of an interrupt, or one of the signals that make it
 * begin in real mode at a frame (below 1 MiB) whose number is in the second. */
void apic_send(uint32_t id, uint32_t what);
#define APIC_INIT    0x500
#define APIC_STARTUP 0x600
/* An NMI to all but this CPU. */
void apic_stop_others(void);
