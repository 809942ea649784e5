#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/format.h"
#include "tests/unit/config/log_capture.h"

char log_text[4096];
unsigned log_lines;

void guest_log(struct domain *d, const char *fmt, ...)
{
    const size_t used = strlen(log_text);
    char line[512];
    va_list args;

    assert_null(d);
    va_start(args, fmt);
    vformat(line, sizeof(line), fmt, args);
    va_end(args);
    for (char *c = line; *c; c++) /* as the real one does */
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    assert_in_range(strlen(line), 1, 250);
    for (const char *c = line; *c; c++)
        assert_in_range(*c, ' ', '~');
    snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
    log_lines++;
}

void log_reset(void)
{
    log_text[0] = 0;
    log_lines = 0;
}

void assert_logged(const char *line)
{
    char expected[600];

    snprintf(expected, sizeof(expected), "%s\n", line);
    assert_string_equal(log_text, expected);
    log_reset();
}

void assert_silent(void)
{
    assert_string_equal(log_text, "");
}
