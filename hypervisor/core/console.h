/* The console: one serial line shared by the hypervisor and all domains, a line at a time. With
 * several domains each line says whose it is; with one, its output goes out as it comes. */
#pragma once

#include "lib/types.h"
#include "abi/guest_ptr.h"

struct domain;

#define CONSOLE_LINE  256
#define CONSOLE_INPUT 256

struct domain_console {
    char line[CONSOLE_LINE]; /* output of an unfinished line */
    unsigned used;
    uint32_t port;                  /* event channel of the console ring; 0: none */
    struct xencons_interface *ring; /* guest memory, hostile; NULL: none */
    mfn_t ring_frame;
    uint64_t log_window_ns; /* rate limit of guest_log */
    unsigned log_lines;     /* in the window, suppressed ones included */
};

/* Whether domains' lines carry their name. */
void console_set_prefix(bool on);
/* The domain that gets what is typed: `to` if it is `from` now. NULL: nobody. */
void console_replace_focus(const struct domain *from, struct domain *to);
/* A character arrived. Interrupt context. */
void console_input(char c);
/* For panic only: whoever holds the console's lock will not let go of it. */
void console_break_lock(void);
/* The domain is over: ends a line that it left unfinished, says what was not said about it. */
void console_domain_flush(struct domain *d);
/* The guest rang its console port: takes output off the ring, gives input. */
void console_ring_event(struct domain *d);
