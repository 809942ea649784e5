/* Time: the TSC, calibrated at boot, is the clock; the local APIC's timer is the alarm. */
#pragma once

#include "lib/types.h"

void clock_init(void);
extern uint64_t tsc_hz;
