/* Messages for people. Lines go to the console, prefixed with whom they are about. */
#pragma once

#include "lib/types.h"

struct domain;

/* A line about something a guest did: "(lamina) ping: ...". The newline is added. At most 20 a
 * second for each domain; those suppressed are counted, and the count is shown later. Callable
 * anywhere. */
void guest_log(struct domain *d, const char *fmt, ...) PRINTF(2, 3);

/* A line of the hypervisor's own: "(lamina) ...". No limit. */
#define log_line(...) guest_log(NULL, __VA_ARGS__)

/* The hypervisor itself is broken: says so, with the return addresses on the stack, and ends the
 * machine's run with PANIC_STATUS. */
void panic(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));

/* Exit status of the machine after a panic. */
#define PANIC_STATUS 3

#define ASSERT(cond)                                                         \
    do {                                                                     \
        if (unlikely(!(cond)))                                               \
            panic("%s:%u: assertion failed: %s", __FILE__, __LINE__, #cond); \
    } while (0)
