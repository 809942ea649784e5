/* Between the caller's terminal and the machine's serial line. */
#ifndef TOOLS_CONSOLE_H
#define TOOLS_CONSOLE_H

#include "qemu.h"

/* How a relay ended. */
enum console_end {
    CONSOLE_CLOSED,  /* QEMU ended */
    CONSOLE_TIMEOUT, /* at the time limit; QEMU was killed */
    CONSOLE_SIGNAL,  /* a signal told us to stop, or nobody reads our output; QEMU was killed */
};

/* Relays standard input and output until the machine ends. `log` is a file that also gets all
 * output, or -1; timeout is in seconds, 0: none. A terminal is put into raw mode meanwhile, except
 * that Ctrl-C still interrupts. On CONSOLE_SIGNAL *signal is the signal. */
enum console_end console_relay(struct qemu *qemu, int log, unsigned timeout, int *signal);

#endif
