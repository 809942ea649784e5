#include "console.h"

#include "message.h"
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define CHUNK 4096

struct relay {
    struct qemu *qemu;
    int log;
    bool raw_output;   /* standard output is a terminal: it wants every byte as it is */
    bool held_return;  /* a \r that may turn out to be the first half of a line's end */
    bool reading;      /* standard input is there and not at its end */
    bool heard;        /* the machine spoke: its serial port is set up and loses no input */
    char typed[CHUNK]; /* input that the machine has not taken yet */
    size_t typed_from, typed_to;
};

static volatile sig_atomic_t stop_signal;
static int wake_up[2]; /* a signal makes its first end readable, so that poll() cannot miss it */

static void on_signal(int number)
{
    int error = errno;

    if (!stop_signal)
        stop_signal = number;
    /* If the pipe is full it is readable already. */
    ssize_t ignored = write(wake_up[1], "", 1);
    (void)ignored;
    errno = error;
}

/* SIGALRM after that time and every tenth of a second from then on: a write that hangs comes back.
 */
static void set_alarm(unsigned seconds)
{
    struct itimerval alarm = {.it_value.tv_sec = seconds, .it_interval.tv_usec = 100000};

    setitimer(ITIMER_REAL, &alarm, NULL);
}

static bool catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM};
    struct sigaction action = {.sa_handler = on_signal}, inherited;

    if (pipe2(wake_up, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    stop_signal = 0;
    sigfillset(&action.sa_mask);
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        /* What the caller has ignored (nohup does) stays ignored; the time limit is ours. */
        sigaction(signals[i], NULL, &inherited);
        if (inherited.sa_handler != SIG_IGN || signals[i] == SIGALRM)
            sigaction(signals[i], &action, NULL);
    }
    /* That nobody reads us any more is seen where we write. */
    signal(SIGPIPE, SIG_IGN);
    return true;
}

/* 0 or an errno value. Gives up when a signal came. */
static int write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(fd, text, length);
        if (wrote < 0 && (errno != EINTR || stop_signal))
            return errno;
        text += wrote > 0 ? wrote : 0;
        length -= wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

static void deliver(struct relay *relay, const char *raw, size_t raw_length, const char *plain,
                    size_t plain_length)
{
    int error = relay->raw_output ? write_all(STDOUT_FILENO, raw, raw_length)
                                  : write_all(STDOUT_FILENO, plain, plain_length);

    if (error && !stop_signal) {
        if (error != EPIPE)
            complain("cannot write the output: %s", strerror(error));
        stop_signal = SIGPIPE;
    }
    if (relay->log < 0)
        return;
    error = write_all(relay->log, plain, plain_length);
    if (error && error != EINTR) {
        complain("cannot write the log, going on without: %s", strerror(error));
        relay->log = -1;
    }
}

/* Serial lines end in \r\n; files and pipes get \n alone. */
static void show(struct relay *relay, const char *text, size_t length)
{
    char plain[CHUNK + 1];
    size_t kept = 0;

    for (size_t i = 0; i < length; i++) {
        if (relay->held_return && text[i] != '\n')
            plain[kept++] = '\r';
        relay->held_return = text[i] == '\r';
        if (!relay->held_return)
            plain[kept++] = text[i];
    }
    deliver(relay, text, length, plain, kept);
}

/* Takes what the machine sent. False at its end. */
static bool take_output(struct relay *relay)
{
    char text[CHUNK];
    ssize_t got = read(relay->qemu->serial_out, text, sizeof(text));

    if (got > 0) {
        relay->heard = true;
        show(relay, text, (size_t)got);
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void take_input(struct relay *relay)
{
    ssize_t got = read(STDIN_FILENO, relay->typed, sizeof(relay->typed));

    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
        relay->reading = false;
    relay->typed_from = 0;
    relay->typed_to = got > 0 ? (size_t)got : 0;
}

static void give_input(struct relay *relay)
{
    ssize_t wrote = write(relay->qemu->serial_in, relay->typed + relay->typed_from,
                          relay->typed_to - relay->typed_from);

    if (wrote > 0)
        relay->typed_from += (size_t)wrote;
    else if (wrote < 0 && errno != EAGAIN && errno != EINTR)
        relay->typed_from = relay->typed_to;
}

/* Until the machine ends or a signal says stop. */
static void relay_until_end(struct relay *relay)
{
    bool open = true;

    while (open && !stop_signal) {
        bool pending = relay->typed_from < relay->typed_to;
        bool wanted = relay->reading && relay->heard && !pending;
        struct pollfd fds[] = {
            {.fd = relay->qemu->serial_out, .events = POLLIN},
            {.fd = wanted ? STDIN_FILENO : -1, .events = POLLIN},
            {.fd = pending ? relay->qemu->serial_in : -1, .events = POLLOUT},
            {.fd = wake_up[0], .events = POLLIN},
        };

        if (poll(fds, 4, -1) < 0)
            continue;
        if (fds[0].revents)
            open = take_output(relay);
        if (fds[1].revents)
            take_input(relay);
        if (fds[2].revents)
            give_input(relay);
    }
}

/* What a machine that was killed had sent before; gives up after a second if nobody takes it. */
static void drain(struct relay *relay)
{
    struct pollfd end = {.fd = relay->qemu->serial_out, .events = POLLIN};

    stop_signal = 0;
    set_alarm(1);
    while (!stop_signal && poll(&end, 1, -1) > 0 && take_output(relay))
        ;
}

enum console_end console_relay(struct qemu *qemu, int log, unsigned timeout, int *signal)
{
    struct relay relay = {
        .qemu = qemu,
        .log = log,
        .raw_output = isatty(STDOUT_FILENO),
        .reading = terminal_is_ours(),
    };

    if (!catch_signals())
        stop_signal = SIGTERM;
    if (timeout)
        set_alarm(timeout);
    terminal_raw();
    relay_until_end(&relay);
    *signal = stop_signal;
    if (*signal) {
        qemu_kill(qemu);
        drain(&relay);
    }
    set_alarm(0);
    if (relay.held_return)
        deliver(&relay, "", 0, "\r", 1);
    terminal_restore();

    if (!*signal)
        return CONSOLE_CLOSED;
    return *signal == SIGALRM ? CONSOLE_TIMEOUT : CONSOLE_SIGNAL;
}
