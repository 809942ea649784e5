/* What the tool says to the person who called it: one line on standard error, "lamina: ...". */
#ifndef TOOLS_MESSAGE_H
#define TOOLS_MESSAGE_H

/* Exit statuses of every sub-command. `run` also passes on those of the hypervisor: 0, 1, and 3 if
 * it panicked. */
#define STATUS_OK      0
#define STATUS_FAILED  1   /* what was asked for was done, and did not go well */
#define STATUS_USAGE   2   /* bad usage or input: nothing was started */
#define STATUS_TIMEOUT 124 /* as timeout(1) says it */

/* The newline is added. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
