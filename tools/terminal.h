/* Raw mode of the caller's terminal. */
#ifndef TOOLS_TERMINAL_H
#define TOOLS_TERMINAL_H

#include <stdbool.h>

/* Whether standard input may be read: false only for a terminal in whose background we are. */
bool terminal_is_ours(void);

/* Lets each key through at once and unechoed, if standard input is a terminal and ours. Ctrl-C and
 * Ctrl-\ still make signals. */
void terminal_raw(void);

/* Undoes terminal_raw(). Async-signal-safe. */
void terminal_restore(void);

#endif
