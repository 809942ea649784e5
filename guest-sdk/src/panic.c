#include <lamina/guest.h>

#define MAX_FRAMES 16

void lm_backtrace(const void *frame_pointer)
{
    const uint64_t *frame = frame_pointer;

    for (int i = 0; i < MAX_FRAMES && frame; i++) {
        const uint64_t *caller = (const uint64_t *)frame[0];

        printf("    called from %#lx\n", frame[1]);
        /* A frame further on than any stack is long is garbage, and may not be mapped. */
        if (caller <= frame || caller - frame > LM_STACK_SIZE / 8)
            break;
        frame = caller;
    }
}

void lm_panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    printf("panic: ");
    vprintf(fmt, args);
    printf("\n");
    va_end(args);
    lm_backtrace(__builtin_frame_address(0));
    lm_shutdown(SHUTDOWN_crash);
}
