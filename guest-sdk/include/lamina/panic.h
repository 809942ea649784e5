/* Giving up, with a reason. Callable anywhere, upcalls and trap handlers included. */
#ifndef LAMINA_PANIC_H
#define LAMINA_PANIC_H

/* Prints the message and a backtrace on the console and shuts the domain down as crashed. */
void lm_panic(const char *fmt, ...) __attribute__((noreturn, format(__printf__, 1, 2)));

/* Prints return addresses from this frame pointer up. Stops at the first frame that is not above
 * the one before, or after 16. */
void lm_backtrace(const void *frame_pointer);

#define lm_assert(cond)                                                         \
    do {                                                                        \
        if (__builtin_expect(!(cond), 0))                                       \
            lm_panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond); \
    } while (0)

#endif
