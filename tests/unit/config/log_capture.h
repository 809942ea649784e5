/* Keeps what log_line() is given, for tests that look at messages. */
#ifndef TEST_LOG_CAPTURE_H
#define TEST_LOG_CAPTURE_H

#include "core/log.h"

extern char
    log_text[4096]; /* lines, each with its newline; later ones are dropped when it is full */
extern unsigned log_lines;

void log_reset(void);
/* Exactly this one line was logged since log_reset(), which it also does. */
void assert_logged(const char *line);
/* Nothing was. */
void assert_silent(void);

#endif
