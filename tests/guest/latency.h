/* Two guests that measure how long the hypervisor keeps an interrupt waiting: one works, the other
 * watches. */
#ifndef LATENCY_H
#define LATENCY_H

#include "check.h"

/* On the page that both see. The worker repeats one job until the watcher names the next. */
struct board {
    volatile uint64_t job;  /* index into jobs; NO_JOB: the worker ends */
    volatile uint64_t runs; /* of that job, ended */
};

#define NO_JOB (~0ul)

/* A long operation, or several; leaves everything as it was, so that it can be repeated. */
struct job {
    const char *name;
    void (*begin)(void); /* once, before the first run; may be NULL */
    void (*run)(void);
};

extern const struct job jobs[]; /* ends at one without a name */

#endif
