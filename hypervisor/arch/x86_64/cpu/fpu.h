/* Floating point and vector state: saved and restored eagerly at each switch between vCPUs, so that
 * nothing of one guest's is ever seen by another. The hypervisor itself uses none. */
#pragma once

#include "lib/types.h"

/* State components that guests may use (XCR0); 0 where the CPU has no XSAVE. */
extern uint64_t fpu_components;

void fpu_init_cpu(void);
/* Writes the processor's initial state into an area of one page, zeroed by the caller. */
void fpu_init_area(void *area);
void fpu_save(void *area);
void fpu_restore(const void *area);
/* CR0.TS: whether the guest's next FPU instruction raises #NM. */
void fpu_set_trap(bool on);
