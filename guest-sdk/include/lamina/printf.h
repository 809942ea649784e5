/* Formatted output: %d %i %u %x %X %p %c %s %% with - 0 # + space, width, precision (* too) and
 * hh h l ll z t. No floating point. */
#ifndef LAMINA_PRINTF_H
#define LAMINA_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

/* To the console. One hypercall for each 256 characters. Returns the number of characters. Callable
 * anywhere; needs about 500 bytes of stack. */
int printf(const char *fmt, ...) __attribute__((format(__printf__, 1, 2)));
int vprintf(const char *fmt, va_list args);

/* To a buffer: at most size bytes, always with a final NUL if size > 0. Return the length that the
 * whole text has without its NUL. */
int snprintf(char *buf, size_t size, const char *fmt, ...)
    __attribute__((format(__printf__, 3, 4)));
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args);

#endif
