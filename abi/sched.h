/* sched_op: giving up the processor, and the end of a domain. */
#ifndef ABI_SCHED_H
#define ABI_SCHED_H

#define SCHEDOP_yield           0
#define SCHEDOP_block           1
#define SCHEDOP_shutdown        2
#define SCHEDOP_poll            3
#define SCHEDOP_remote_shutdown 4
#define SCHEDOP_shutdown_code   5
#define SCHEDOP_watchdog        6
#define SCHEDOP_pin_override    7

/* Reasons of a shutdown. */
#define SHUTDOWN_poweroff   0
#define SHUTDOWN_reboot     1
#define SHUTDOWN_suspend    2
#define SHUTDOWN_crash      3
#define SHUTDOWN_watchdog   4
#define SHUTDOWN_soft_reset 5
#define SHUTDOWN_MAX        5

#ifndef __ASSEMBLER__

#include <stdint.h>
#include "abi/guest_ptr.h"

/* SCHEDOP_shutdown, SCHEDOP_shutdown_code */
struct sched_shutdown {
    uint32_t reason; /* SHUTDOWN_* */
};

/* SCHEDOP_poll */
struct sched_poll {
    GUEST_PTR(uint32_t) ports;
    uint32_t nr_ports; /* at most 128 */
    uint64_t timeout;  /* system time in nanoseconds at which to return; 0: never */
};

/* SCHEDOP_remote_shutdown */
struct sched_remote_shutdown {
    uint16_t domain_id;
    uint32_t reason; /* SHUTDOWN_* */
};

/* SCHEDOP_watchdog */
struct sched_watchdog {
    uint32_t id;      /* 0 asks for a new one */
    uint32_t timeout; /* seconds; 0 stops it */
};

/* SCHEDOP_pin_override */
struct sched_pin_override {
    int32_t pcpu; /* host CPU; negative undoes it */
};

#endif /* __ASSEMBLER__ */

#endif
