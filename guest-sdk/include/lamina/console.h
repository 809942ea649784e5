/* The domain's console. */
#ifndef LAMINA_CONSOLE_H
#define LAMINA_CONSOLE_H

#include <stddef.h>

/* Writes all of it: with console_io where the hypervisor permits (one hypercall, shown at once),
 * else to the console ring (one hypercall, more if it is full and must drain). Callable anywhere.
 */
void lm_console_write(const char *text, size_t length);

/* Takes what was typed, up to `size` bytes, without waiting. Returns the number of bytes, 0 if
 * there are none. No hypercall if the domain has a console ring and nothing was typed, else one. */
size_t lm_console_read(char *buf, size_t size);

#endif
