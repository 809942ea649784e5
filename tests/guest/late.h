/* How late a sleeper is woken: the time during which the hypervisor looked at no interrupt. */
#ifndef LATE_H
#define LATE_H

#include "check.h"

/* Sleeps until `when` (lm_time_ns), and returns by how much later the hypervisor woke us: it writes
 * that down in our runstate, though we run only when others have given way, *waited later. */
uint64_t woken_late(uint64_t when, uint64_t *waited);

#endif
