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

/* To the CPU with that APIC id: an interrupt; the signals that make it begin in real mode at that
 * frame (below 1 MiB). */
void apic_send(uint32_t id, unsigned vector);
void apic_send_init(uint32_t id);
void apic_send_startup(uint32_t id, unsigned frame);
/* An NMI to all but this CPU. */
void apic_stop_others(void);
