/* Running an instruction that is expected to raise an exception, and looking at what was delivered.
 */
#ifndef PROVOKE_H
#define PROVOKE_H

#include "check.h"

#define NO_EXCEPTION 999

/* The last exception; vector is NO_EXCEPTION if there was none. */
extern struct lm_trap_frame provoked;
extern uint64_t provoke_rip, provoke_resume;

/* Catches every exception from now on: notes the frame, goes on behind the PROVOKE. */
void provoke_init(void);

/* Runs the assembly text, with the operands after it (": outputs : inputs"); rax, rcx and rdx are
 * clobbered. Look at `provoked` afterwards. */
#define PROVOKE(text, ...)                                       \
    do {                                                         \
        provoked.vector = NO_EXCEPTION;                          \
        __asm__ volatile("movq $771f, provoke_rip\n"             \
                         "movq $772f, provoke_resume\n"          \
                         "771: " text "\n772:" __VA_ARGS__       \
                         : "rax", "rcx", "rdx", "memory", "cc"); \
    } while (0)

/* The exception was this one, at the instruction itself. */
#define CHECK_PROVOKED(name, want_vector, want_error)                \
    do {                                                             \
        check(provoked.vector, want_vector, name ": vector");        \
        check(provoked.error_code, want_error, name ": error code"); \
        check(provoked.rip, provoke_rip, name ": rip");              \
    } while (0)

#endif
