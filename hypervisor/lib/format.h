/* Formatted output to a buffer: %d %u %x %s %%, with l or z; for numbers # (hex prefix), 0 and a
 * width (of the digits); for texts a precision. */
#pragma once

#include <stdarg.h>
#include "lib/types.h"

/* Returns the length the whole text has; writes at most size bytes including the final NUL. */
size_t format(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);
size_t vformat(char *buf, size_t size, const char *fmt, va_list args);
/* Puts '?' for what is no printable ASCII character; size is not 0. For consoles: messages quote
 * guests and boot modules, which can hold anything. */
void vformat_printable(char *buf, size_t size, const char *fmt, va_list args);
