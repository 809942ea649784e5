/* Formatted output to a buffer: %d %u %x %p %c %s with l, ll, z, width, 0, - and # (hex prefix). */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include <stdarg.h>
#include "lib/types.h"

/* Returns the length the whole text has; writes at most size bytes including the final NUL. */
int format(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);
int vformat(char *buf, size_t size, const char *fmt, va_list args);

#endif
