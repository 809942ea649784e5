#include "qemu.h"

#include "message.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define QEMU "qemu-system-x86_64"

/* A value v written to the isa-debug-exit port ends QEMU with status v << 1 | 1; the hypervisor
 * writes EXIT_BASE + its status, which no failure of QEMU's own can be taken for. */
#define EXIT_PORT "0xf4"
#define EXIT_BASE 0x10

#define PIPE_BYTES (1 << 20) /* QEMU drops output that a full pipe refuses too often */
#define MAX_ARGS   48

struct arguments {
    const char *word[MAX_ARGS];
    unsigned count;
};

static void add(struct arguments *args, const char *word)
{
    assert(args->count < MAX_ARGS - 1);
    args->word[args->count++] = word;
}

static void add_pair(struct arguments *args, const char *option, const char *value)
{
    add(args, option);
    add(args, value);
}

/* The blob as an anonymous file that QEMU opens by its number: no name to clean up, or to quote. */
static int anonymous_file(const struct blob *blob)
{
    int fd = memfd_create("lamina-system", 0);

    for (size_t done = 0; fd >= 0 && done < blob->size;) {
        ssize_t wrote = write(fd, (const char *)blob->bytes + done, blob->size - done);
        if (wrote < 0 && errno != EINTR) {
            close(fd);
            return -1;
        }
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    return fd;
}

static void describe(struct arguments *args, const struct machine *machine, char *text, size_t room,
                     int system_fd)
{
    bool kvm = strcmp(machine->accel, "kvm") == 0;
    char *cpus = text, *ram = text + room / 4, *initrd = text + room / 2;

    snprintf(cpus, room / 4, "%u", machine->cpus);
    snprintf(ram, room / 4, "%lluk", (unsigned long long)(machine->ram >> 10));
    snprintf(initrd, room / 2, "/proc/self/fd/%d", system_fd);

    add(args, QEMU);
    add(args, "-nodefaults");
    add(args, "-no-user-config");
    /* A triple fault must end the run, not start it anew. */
    add(args, "-no-reboot");
    add_pair(args, "-display", "none");
    /* A thread of this host for each CPU; with -icount there is one for all. */
    if (!kvm && !machine->icount && machine->cpus > 1)
        add_pair(args, "-accel", "tcg,thread=multi");
    else
        add_pair(args, "-accel", machine->accel);
    /* TCG's SMAP wrongly faults a ring-3 iretq to ring 3. */
    add_pair(args, "-cpu", kvm ? "host" : "max,smap=off");
    add_pair(args, "-smp", cpus);
    add_pair(args, "-m", ram);
    if (machine->icount)
        add_pair(args, "-icount", "shift=0,sleep=off");
    add_pair(args, "-device", "isa-debug-exit,iobase=" EXIT_PORT ",iosize=4");
    add_pair(args, "-chardev", "stdio,id=console,signal=off");
    add_pair(args, "-serial", "chardev:console");
    add_pair(args, "-kernel", machine->hypervisor);
    add_pair(args, "-initrd", initrd);
    if (machine->boot_args)
        add_pair(args, "-append", machine->boot_args);
}

/* In the child. Only async-signal-safe calls; says why exec failed through `report`. */
static void become_qemu(const struct arguments *args, int in, int out, int err, int report)
{
    sigset_t none;
    int error;

    /* Its own group: Ctrl-C is for us, who then stop it. And it must not outlive us. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execvp(QEMU, (char *const *)args->word);
    error = errno;
    if (write(report, &error, sizeof(error)) < 0)
        _exit(126);
    _exit(127);
}

/* Forks and runs; returns 0 or the errno value of what failed. */
static int spawn(struct qemu *qemu, const struct arguments *args)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, report[2] = {-1, -1};
    int error = 0;

    qemu->messages = memfd_create("qemu-messages", MFD_CLOEXEC);
    if (qemu->messages < 0 || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
        pipe2(report, O_CLOEXEC) < 0)
        return errno;
    fcntl(out[1], F_SETPIPE_SZ, PIPE_BYTES);

    qemu->pid = fork();
    if (qemu->pid == 0)
        become_qemu(args, in[0], out[1], qemu->messages, report[1]);
    if (qemu->pid < 0)
        error = errno;
    close(in[0]);
    close(out[1]);
    close(report[1]);
    if (!error && read(report[0], &error, sizeof(error)) != sizeof(error))
        error = 0;
    close(report[0]);
    if (error && qemu->pid > 0)
        waitpid(qemu->pid, NULL, 0);

    qemu->serial_in = in[1];
    qemu->serial_out = out[0];
    fcntl(qemu->serial_in, F_SETFL, O_NONBLOCK);
    fcntl(qemu->serial_out, F_SETFL, O_NONBLOCK);
    return error;
}

int qemu_start(struct qemu *qemu, const struct machine *machine)
{
    struct arguments args = {0};
    char text[128];
    int error;

    int system_fd = anonymous_file(machine->system);
    if (system_fd < 0) {
        complain("cannot hold the system in memory: %s", strerror(errno));
        return STATUS_FAILED;
    }
    describe(&args, machine, text, sizeof(text), system_fd);
    error = spawn(qemu, &args);
    close(system_fd);
    if (error == ENOENT)
        complain(QEMU " is not there; install the package qemu-system-x86");
    else if (error)
        complain("cannot start " QEMU ": %s", strerror(error));
    return error ? STATUS_FAILED : 0;
}

void qemu_kill(const struct qemu *qemu)
{
    kill(qemu->pid, SIGKILL);
}

static void show_messages(const struct qemu *qemu)
{
    struct blob said;

    lseek(qemu->messages, 0, SEEK_SET);
    if (blob_read_fd(&said, qemu->messages) != 0)
        return;
    fwrite(said.bytes, 1, said.size, stderr);
    blob_free(&said);
}

int qemu_finish(struct qemu *qemu, bool stopped)
{
    int state = 0, code;

    while (waitpid(qemu->pid, &state, 0) < 0 && errno == EINTR)
        ;
    close(qemu->serial_in);
    close(qemu->serial_out);
    code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;

    if (code >= (EXIT_BASE << 1 | 1) && (code & 1)) {
        close(qemu->messages);
        return (code >> 1) - EXIT_BASE;
    }
    if (!stopped) {
        show_messages(qemu);
        if (WIFSIGNALED(state))
            complain(QEMU " was killed by signal %d (%s)", WTERMSIG(state),
                     strsignal(WTERMSIG(state)));
        else if (code == 0)
            complain("the machine was reset and said no exit status: a triple fault, most likely");
        else
            complain(QEMU " failed with status %d", code);
    }
    close(qemu->messages);
    return STATUS_FAILED;
}
