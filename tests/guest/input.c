/* What is typed reaches the guest: through the console ring and its event, or, for a domain with
 * the privilege console-read (command line "read"), through console_io and VIRQ_CONSOLE. Sleeps
 * until a whole line is there and prints it. */
#include "check.h"

static size_t take(bool by_call, char *buf, size_t size)
{
    long n;

    if (!by_call)
        return lm_console_read(buf, size);
    n = hypercall_console_io(CONSOLEIO_read, (uint32_t)size, buf);
    return n > 0 ? (size_t)n : 0;
}

int main(void)
{
    bool by_call = strcmp((const char *)lm_start_info->cmd_line, "read") == 0;
    int port =
        by_call ? lm_event_bind_virq(VIRQ_CONSOLE, 0) : (int)lm_start_info->console.domU.evtchn;
    char line[64] = "";
    size_t length = 0;

    check(port > 0, true, "a port for input");
    if (!by_call)
        check(hypercall_console_io(CONSOLEIO_read, sizeof(line), line), -XEN_EPERM,
              "console_io read without the privilege");
    while (!memchr(line, '\n', length) && length < sizeof(line) - 1) {
        size_t n = take(by_call, line + length, sizeof(line) - 1 - length);

        length += n;
        if (n == 0)
            lm_event_wait((uint32_t)port);
    }
    line[length] = '\0';
    printf("typed: %s", line);
    return check_done();
}
