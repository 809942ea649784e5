/* Time: the TSC, calibrated at boot, is the clock; the local APIC's timer is the alarm. */
#pragma once

#include "lib/types.h"

/* Measures the TSC by the HPET, whose registers are at hpet_va, or else the ACPI timer, or else the
 * PIT; 0: there is none of the first two. */
void clock_init(uint64_t hpet_va, uint16_t pm_timer_port);
extern uint64_t tsc_hz;
/* By which it was measured, and how far off tsc_hz can be by that. */
extern const char *clock_reference;
extern uint64_t clock_error_ppm;

/* The battery clock (cpu/rtc.c): seconds since 1970, for a date from 2000 to 2099; 0 if it shows
 * none, as with an empty battery. */
uint64_t rtc_read(void);
