/* terminal_test LAMINA MACHINE: `lamina run` on a terminal of its own. Keys reach the machine one
 * at a time and unechoed; Ctrl-C ends the run and leaves the terminal as it was. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#define PATIENCE_MS 20000

static char output[8192];
static size_t output_used;

static void fail(const char *what)
{
    printf("FAIL: %s\n--- output:\n%s\n", what, output);
    exit(1);
}

/* Reads from the terminal until the text appears in all that was read. */
static void await(int terminal, const char *text)
{
    struct pollfd ready = {.fd = terminal, .events = POLLIN};

    while (!strstr(output, text)) {
        if (poll(&ready, 1, PATIENCE_MS) <= 0)
            fail(text);
        ssize_t got = read(terminal, output + output_used, sizeof(output) - 1 - output_used);
        if (got <= 0)
            fail(text);
        output_used += (size_t)got;
        output[output_used] = '\0';
    }
}

static void type(int terminal, const char *keys)
{
    if (write(terminal, keys, strlen(keys)) != (ssize_t)strlen(keys))
        fail("cannot type");
}

/* The program's end, as waitpid has it; what it still prints is read meanwhile. */
static int await_end(int terminal, pid_t pid)
{
    int state;

    for (int waited = 0; waited < PATIENCE_MS; waited += 10) {
        struct pollfd ready = {.fd = terminal, .events = POLLIN};
        char rest[256];

        if (waitpid(pid, &state, WNOHANG) == pid)
            return state;
        if (poll(&ready, 1, 10) > 0 && (ready.revents & POLLIN) &&
            read(terminal, rest, sizeof(rest)) < 0)
            break;
    }
    fail("the program does not end");
    return 0;
}

static bool same_mode(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_lflag == b->c_lflag &&
           memcmp(a->c_cc, b->c_cc, sizeof(a->c_cc)) == 0;
}

int main(int argc, char **argv)
{
    char tree[] = "/tmp/lamina-terminal-XXXXXX";
    struct termios before, during, after;
    int controller, terminal;

    int file = mkstemp(tree);
    if (argc != 3 || file < 0 || openpty(&controller, &terminal, NULL, NULL, NULL) < 0) {
        perror("terminal_test");
        return 1;
    }
    tcgetattr(terminal, &before);
    pid_t pid = fork();
    if (pid == 0) {
        login_tty(terminal);
        execl(argv[1], "lamina", "run", "--hypervisor", argv[2], "--boot-args", "e", "--timeout",
              "60", "--unchecked", tree, (char *)NULL);
        _exit(127);
    }

    await(controller, "test machine");
    tcgetattr(terminal, &during);
    if (during.c_lflag & (ICANON | ECHO))
        fail("the terminal is not in raw mode");
    type(controller, "x");
    await(controller, "\nx");
    type(controller, "y");
    await(controller, "\nxy");
    if (strstr(output, "xx") || strstr(output, "yy"))
        fail("keys are echoed twice");

    type(controller, "\003");
    int state = await_end(controller, pid);
    unlink(tree);
    if (!WIFSIGNALED(state) || WTERMSIG(state) != SIGINT)
        fail("Ctrl-C did not end it as SIGINT does");
    tcgetattr(terminal, &after);
    if (!same_mode(&before, &after))
        fail("the terminal is not as it was");
    return 0;
}
