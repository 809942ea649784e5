/* The local APIC: the one-shot timer. */
#pragma once

#include "lib/types.h"

#define APIC_PHYS 0xfee00000ul

/* The registers are mapped at va. The first CPU also passes what the 8259 pair delivers. */
void apic_init(uint64_t va);
/* Timer counts since the last call of apic_timer_start, for calibration. */
void apic_timer_start(uint32_t count);
uint32_t apic_timer_left(void);
void apic_end_of_interrupt(void);
uint32_t apic_id(void);
