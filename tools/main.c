/* lamina: the host-side command. Finds the sub-command and hands the rest of the line to it. */
#include "command.h"
#include "message.h"

#include <argp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "boot a system, or one guest kernel, under Lamina in QEMU", command_run},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const char *argp_program_version = "lamina " LAMINA_VERSION;

static void list_commands(FILE *out)
{
    fputs("Commands:\n", out);
    for (unsigned i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
}

static void help(FILE *out)
{
    fputs("Usage: lamina COMMAND [OPTION...]\n"
          "Boots and examines systems of paravirtualized guests.\n\n",
          out);
    list_commands(out);
    fputs("\n  -h, --help       this text\n"
          "  -V, --version    the version\n"
          "\n'lamina COMMAND --help' tells what a command takes.\n",
          out);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    char *name;

    if (asprintf(&name, "lamina %s", command->name) < 0) {
        complain("out of memory");
        return STATUS_FAILED;
    }
    argv[0] = name;
    int status = command->run(argc, argv);
    free(name);
    return status;
}

/* Files must not come to be standard input or output because the caller had closed those. */
static void fill_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    fill_standard_files();
    argp_err_exit_status = STATUS_USAGE;
    if (argc < 2) {
        help(stderr);
        return STATUS_USAGE;
    }

    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        help(stdout);
        return STATUS_OK;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        puts(argp_program_version);
        return STATUS_OK;
    }
    for (unsigned i = 0; i < COMMANDS; i++) {
        if (strcmp(word, commands[i].name) == 0)
            return run_command(&commands[i], argc - 1, argv + 1);
    }
    complain("no %s '%s'; see 'lamina --help'", word[0] == '-' ? "option" : "command", word);
    return STATUS_USAGE;
}
