/* The console: one serial line shared by the hypervisor and all domains, a line at a time. */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include "lib/types.h"

struct domain;

#define CONSOLE_LINE 256

struct domain_console {
    char line[CONSOLE_LINE]; /* output of an unfinished line */
    unsigned used;
    uint32_t port;           /* event channel of the console ring; 0: none */
    mfn_t ring;              /* frame of the ring, or INVALID_MFN */
    uint64_t log_window_ns;  /* rate limit of guest_log */
    unsigned log_lines, log_suppressed;
};

#endif
