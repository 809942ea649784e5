#include "message.h"

#include <stdarg.h>
#include <stdio.h>

void complain(const char *fmt, ...)
{
    va_list args;

    fflush(stdout);
    va_start(args, fmt);
    fputs("lamina: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}
