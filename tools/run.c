/* lamina run: boots a system in QEMU and reports how it ended. */
#include "command.h"

#include "console.h"
#include "locate.h"
#include "message.h"
#include "qemu.h"
#include "system.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HYPERVISOR_FILE "hypervisor/lamina.bin"
#define DEFAULT_SYSTEM  "examples/ping-pong.dtb"
#define MIB             (1ul << 20)
#define SMALLEST_RAM    (512 * MIB)
#define GUEST_MIB       64
#define MAX_SECONDS     1000000
#define MAX_CPUS        64 /* the hypervisor's */

struct run_options {
    const char *system; /* NULL: the ping/pong example, or `guest` */
    struct guest guest;
    struct machine machine;
    const char *log;
    unsigned timeout;
    bool unchecked;
};

enum {
    OPT_KERNEL = 256,
    OPT_RAMDISK,
    OPT_CMDLINE,
    OPT_MEMORY,
    OPT_VCPUS,
    OPT_CPUS,
    OPT_RAM,
    OPT_ICOUNT,
    OPT_TIMEOUT,
    OPT_ACCEL,
    OPT_BOOT_ARGS,
    OPT_LOG,
    OPT_HYPERVISOR,
    OPT_UNCHECKED,
    OPT_HELP = 'h', /* argp's own is -? */
};

static const struct argp_option option_table[] = {
    {0, 0, 0, 0, "One guest, without a system tree:", 1},
    {"kernel", OPT_KERNEL, "FILE", 0, "a Xen PV ELF64 kernel", 0},
    {"ramdisk", OPT_RAMDISK, "FILE", 0, "its initial ramdisk", 0},
    {"cmdline", OPT_CMDLINE, "TEXT", 0, "its command line", 0},
    {"memory", OPT_MEMORY, "SIZE", 0, "its memory (64M)", 0},
    {"vcpus", OPT_VCPUS, "N", 0, "its virtual CPUs (1)", 0},
    {0, 0, 0, 0, "The machine:", 2},
    {"cpus", OPT_CPUS, "N", 0, "host CPUs, 1 to 64 (1); with --icount they take turns", 0},
    {"ram", OPT_RAM, "SIZE", 0,
     "its memory (512M; more if the domains need more, up to half of this host's)", 0},
    {"icount", OPT_ICOUNT, 0, 0, "a clock that counts instructions: each run is the same", 0},
    {"accel", OPT_ACCEL, "NAME", 0, "tcg or kvm (tcg)", 0},
    {0, 0, 0, 0, "The run:", 3},
    {"boot-args", OPT_BOOT_ARGS, "TEXT", 0, "hypervisor options (none are known yet)", 0},
    {"timeout", OPT_TIMEOUT, "SECONDS", 0, "stop after this time, with exit status 124", 0},
    {"log", OPT_LOG, "FILE", 0, "also keep everything that is printed", 0},
    {"hypervisor", OPT_HYPERVISOR, "FILE", 0, "another hypervisor than the one that came along", 0},
    {"unchecked", OPT_UNCHECKED, 0, 0, "hand SYSTEM to the hypervisor byte for byte", 0},
    {0, OPT_HELP, 0, OPTION_HIDDEN, 0, 0},
    {0},
};

static const char description[] =
    "\nBoots a system of paravirtualized guests under Lamina in QEMU: SYSTEM, a device tree as "
    "source "
    "or blob (docs/system-tree.md), or the one guest that --kernel names, or else the ping/pong "
    "example.\v"
    "SIZE is a number with K, M or G; without, it means MiB. The guests' output goes to standard "
    "output, standard input to the domain in focus.\n\n"
    "Exit status: 0 when every domain powered off; 1 when one crashed or shut down for another "
    "reason, when a domain, a wire or an unknown node was refused, or when QEMU failed; 2 for bad "
    "usage or input: nothing was started; 3 when the hypervisor itself panicked; 124 at the time "
    "limit.";

/* A whole decimal number with an optional unit. False: it is none, or does not fit. */
static bool parse_number(const char *text, uint64_t *number, const char **rest)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    *rest = end;
    return errno == 0;
}

static uint64_t size_argument(struct argp_state *state, const char *option, const char *text)
{
    static const char units[] = "KMGT";
    const char *rest, *unit;
    uint64_t number = 0;
    unsigned shift = 20;

    bool good = parse_number(text, &number, &rest);
    if (good && *rest) {
        unit = strchr(units, *rest & ~0x20);
        good = unit && rest[1] == '\0';
        shift = good ? 10 * (unsigned)(unit - units + 1) : 0;
    }
    if (!good || number == 0 || number > UINT64_MAX >> shift)
        argp_error(state, "--%s %s: expected a size such as 64M or 1G", option, text);
    return number << shift;
}

static unsigned count_argument(struct argp_state *state, const char *option, const char *text,
                               unsigned most)
{
    const char *rest;
    uint64_t number = 0;

    if (!parse_number(text, &number, &rest) || *rest || number < 1 || number > most)
        argp_error(state, "--%s %s: expected a number from 1 to %u", option, text, most);
    return (unsigned)number;
}

/* The binding counts in MiB, up to 1 TiB. */
static uint32_t guest_memory(struct argp_state *state, const char *text)
{
    uint64_t bytes = size_argument(state, "memory", text);

    if (bytes % MIB || bytes / MIB > MIB)
        argp_error(state, "--memory %s: expected whole MiB, 1M to 1T", text);
    return (uint32_t)(bytes / MIB);
}

static void check_combination(struct argp_state *state, struct run_options *options)
{
    struct guest *guest = &options->guest;
    bool described = guest->ramdisk || guest->cmdline || guest->memory_mib || guest->vcpus;

    if (guest->kernel && options->system)
        argp_error(state, "give --kernel or a SYSTEM ('%s'), not both", options->system);
    if (described && !guest->kernel)
        argp_error(state, "--ramdisk, --cmdline, --memory and --vcpus describe the guest of "
                          "--kernel, which is missing");
    if (options->unchecked && !options->system)
        argp_error(state, "--unchecked needs a SYSTEM");
    if (options->machine.icount && strcmp(options->machine.accel, "tcg") != 0)
        argp_error(state, "--icount works with --accel tcg only");
    if (!guest->memory_mib)
        guest->memory_mib = GUEST_MIB;
}

static error_t parse_guest(int key, char *arg, struct argp_state *state, struct guest *guest)
{
    switch (key) {
    case OPT_KERNEL:
        guest->kernel = arg;
        break;
    case OPT_RAMDISK:
        guest->ramdisk = arg;
        break;
    case OPT_CMDLINE:
        guest->cmdline = arg;
        break;
    case OPT_MEMORY:
        guest->memory_mib = guest_memory(state, arg);
        break;
    case OPT_VCPUS:
        guest->vcpus = count_argument(state, "vcpus", arg, 64);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_machine(int key, char *arg, struct argp_state *state, struct machine *machine)
{
    switch (key) {
    case OPT_CPUS:
        machine->cpus = count_argument(state, "cpus", arg, MAX_CPUS);
        break;
    case OPT_RAM:
        machine->ram = size_argument(state, "ram", arg);
        break;
    case OPT_ICOUNT:
        machine->icount = true;
        break;
    case OPT_ACCEL:
        if (strcmp(arg, "tcg") != 0 && strcmp(arg, "kvm") != 0)
            argp_error(state, "--accel %s: expected tcg or kvm", arg);
        machine->accel = arg;
        break;
    case OPT_BOOT_ARGS:
        machine->boot_args = arg;
        break;
    case OPT_HYPERVISOR:
        machine->hypervisor = arg;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct run_options *options = state->input;

    switch (key) {
    case OPT_TIMEOUT:
        options->timeout = count_argument(state, "timeout", arg, MAX_SECONDS);
        break;
    case OPT_LOG:
        options->log = arg;
        break;
    case OPT_UNCHECKED:
        options->unchecked = true;
        break;
    case OPT_HELP:
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        break;
    case ARGP_KEY_ARG:
        if (options->system)
            argp_error(state, "one SYSTEM only, but there are '%s' and '%s'", options->system, arg);
        options->system = arg;
        break;
    case ARGP_KEY_END:
        check_combination(state, options);
        break;
    default:
        if (parse_guest(key, arg, state, &options->guest) == 0)
            return 0;
        return parse_machine(key, arg, state, &options->machine);
    }
    return 0;
}

static int find_hypervisor(struct machine *machine)
{
    if (!machine->hypervisor) {
        machine->hypervisor = locate(HYPERVISOR_FILE);
        if (!machine->hypervisor) {
            complain("cannot find " HYPERVISOR_FILE " near this program: not built, or moved?");
            return STATUS_FAILED;
        }
    } else if (access(machine->hypervisor, R_OK) != 0) {
        complain("cannot read hypervisor '%s': %s", machine->hypervisor, strerror(errno));
        return STATUS_USAGE;
    }
    return 0;
}

static int read_system(struct blob *system, const struct run_options *options)
{
    const char *path = options->system;

    if (options->guest.kernel)
        return system_from_guest(system, &options->guest);
    if (!path)
        path = locate(DEFAULT_SYSTEM);
    if (!path) {
        complain("cannot find the example " DEFAULT_SYSTEM "; name a SYSTEM or a --kernel");
        return STATUS_USAGE;
    }
    return system_from_file(system, path, options->unchecked);
}

/* Enough for the domains, the blob twice, and the hypervisor's own; never over half of what this
 * host has, as a wrong tree may ask for anything. */
static uint64_t suitable_ram(const struct run_options *options, const struct blob *system)
{
    uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t domains = options->unchecked ? 0 : system_memory(system);
    uint64_t wanted = 128 * MIB + 2 * system->size;

    if (domains > host / 2 || __builtin_add_overflow(domains + domains / 16, wanted, &wanted) ||
        wanted > host / 2) {
        wanted = host / 2;
        complain("the domains want %llu MiB; the machine gets %llu, half of this host's memory "
                 "(--ram sets another size)",
                 (unsigned long long)(domains / MIB), (unsigned long long)(wanted / MIB));
    }
    wanted = (wanted + MIB - 1) & ~(MIB - 1);
    return wanted > SMALLEST_RAM ? wanted : SMALLEST_RAM;
}

/* As if the signal had not been caught, which is what a shell wants to see. */
static int die_of(int number)
{
    signal(number, SIG_DFL);
    raise(number);
    return 128 + number;
}

static int boot(const struct run_options *options, const struct blob *system, int log)
{
    struct machine machine = options->machine;
    struct qemu qemu;
    int number, status;

    machine.system = system;
    if (!machine.ram)
        machine.ram = suitable_ram(options, system);
    status = qemu_start(&qemu, &machine);
    if (status)
        return status;
    enum console_end end = console_relay(&qemu, log, options->timeout, &number);
    status = qemu_finish(&qemu, end != CONSOLE_CLOSED);
    if (end == CONSOLE_SIGNAL)
        return die_of(number);
    if (end == CONSOLE_TIMEOUT) {
        complain("stopped after %u seconds (--timeout)", options->timeout);
        return STATUS_TIMEOUT;
    }
    return status;
}

static int run(struct run_options *options)
{
    struct blob system = {0};
    int log = -1;

    int status = find_hypervisor(&options->machine);
    if (!status)
        status = read_system(&system, options);
    if (status)
        return status;
    if (options->log) {
        log = open(options->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (log < 0) {
            complain("cannot write log '%s': %s", options->log, strerror(errno));
            status = STATUS_USAGE;
        }
    }
    if (!status)
        status = boot(options, &system, log);
    if (log >= 0)
        close(log);
    blob_free(&system);
    return status;
}

int command_run(int argc, char **argv)
{
    static const struct argp argp = {
        .options = option_table,
        .parser = parse_option,
        .args_doc = "[SYSTEM]\n--kernel FILE",
        .doc = description,
    };
    struct run_options options = {.machine = {.accel = "tcg", .cpus = 1}};

    argp_parse(&argp, argc, argv, 0, NULL, &options);
    return run(&options);
}
