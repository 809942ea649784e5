/* The machine: QEMU as a child process, its serial line on pipes. */
#ifndef TOOLS_QEMU_H
#define TOOLS_QEMU_H

#include "blob.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct machine {
    const char *hypervisor; /* file of the multiboot kernel */
    const struct blob *system;
    const char *boot_args; /* hypervisor options; NULL: none */
    const char *accel;     /* "tcg" or "kvm" */
    unsigned cpus;
    uint64_t ram; /* bytes */
    bool icount;  /* the clock counts instructions, and idle time passes at once */
};

struct qemu {
    pid_t pid;
    int serial_in;  /* what is written here, the machine receives on COM1; does not block */
    int serial_out; /* what the machine sends on COM1; does not block; ends when QEMU does */
    int messages;   /* what QEMU itself said */
};

/* Starts the machine. QEMU dies with this process whatever happens to it. Returns 0, or complains
 * and returns the exit status. */
int qemu_start(struct qemu *qemu, const struct machine *machine);

/* Ends it at once. */
void qemu_kill(const struct qemu *qemu);

/* Waits for the end and returns the exit status that the hypervisor gave; complains and returns
 * STATUS_FAILED if it gave none. `stopped` says that we killed it: then nothing is complained of.
 */
int qemu_finish(struct qemu *qemu, bool stopped);

#endif
