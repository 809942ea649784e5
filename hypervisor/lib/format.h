/* Formatted output to a buffer: %u %x %s %%, with l or z; for numbers # (hex prefix), 0 and a width
 * (of the digits); for texts a precision that is an argument (.*). */
#pragma once

#include <stdarg.h>
#include "lib/types.h"

/* Returns the length the whole text has; writes at most size bytes including the final NUL. */
size_t format(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);
size_t vformat(char *buf, size_t size, const char *fmt, va_list args);
