#include "system.h"

#include "locate.h"
#include "message.h"

#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUEST_NAME "guest"
#define MIB_SHIFT  20

#define MAX_DOMAIN_MIB (1u << 20) /* the binding's */

static bool is_blob(const struct blob *file)
{
    return file->size >= 4 && fdt_magic(file->bytes) == FDT_MAGIC;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* A pipe's worth of dtc's work; its own messages go to our standard error. */
static int run_dtc(struct blob *out, const char *path)
{
    const char *root = locate_root();
    const char *argv[] = {"dtc", "-q", "-I", "dts", "-O", "dtb", "-i", root ? root : ".",
                          path,  NULL};
    int pipes[2], state;

    if (pipe(pipes) < 0)
        return errno;
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    close(pipes[1]);
    int error = child < 0 ? errno : blob_read_fd(out, pipes[0]);
    close(pipes[0]);
    if (child < 0)
        return error;

    while (waitpid(child, &state, 0) < 0 && errno == EINTR)
        ;
    if (!error && state != 0)
        error = WIFEXITED(state) && WEXITSTATUS(state) == 127 ? ENOENT : EINVAL;
    if (error)
        blob_free(out);
    return error;
}

static int compile(struct blob *system, const char *path)
{
    int error = run_dtc(system, path);

    if (error == ENOENT)
        complain("cannot run dtc, which '%s' needs; install device-tree-compiler", path);
    else if (error == EINVAL)
        complain("'%s' is not a valid device tree source (dtc's words are above)", path);
    else if (error)
        complain("cannot compile '%s': %s", path, strerror(error));
    return error == ENOENT ? STATUS_FAILED : error ? STATUS_USAGE : 0;
}

static int check_blob(const struct blob *system, const char *path)
{
    int error;

    if (system->size == 0)
        complain("'%s' is empty, expected a device tree", path);
    else if (!is_blob(system))
        complain("'%s' is no device tree: it neither starts as a blob nor is named *.dts", path);
    else if ((error = fdt_check_full(system->bytes, system->size)) != 0)
        complain("'%s' is not a valid device tree blob: %s (its header says %u bytes, it has %zu)",
                 path, fdt_strerror(error), system->size >= 8 ? fdt_totalsize(system->bytes) : 0,
                 system->size);
    else
        return 0;
    return STATUS_USAGE;
}

int system_from_file(struct blob *system, const char *path, bool unchecked)
{
    int status = blob_read(system, path, "system");

    if (status || unchecked)
        return status;
    if (!is_blob(system) && ends_with(path, ".dts")) {
        blob_free(system);
        return compile(system, path);
    }
    status = check_blob(system, path);
    if (status)
        blob_free(system);
    return status;
}

static int read_kernel(struct blob *kernel, const char *path)
{
    int status = blob_read(kernel, path, "kernel");

    if (!status && kernel->size == 0) {
        complain("kernel '%s' is empty", path);
        status = STATUS_USAGE;
    }
    return status;
}

/* Writes the tree into memory that is large enough. libfdt's errors are sticky only in its answers,
 * so they are gathered with |: all are negative. */
static int write_tree(void *fdt, int room, const struct guest *guest, const struct blob *kernel,
                      const struct blob *ramdisk)
{
    int error = fdt_create(fdt, room) | fdt_finish_reservemap(fdt);

    error |= fdt_begin_node(fdt, "");
    error |= fdt_property_string(fdt, "compatible", "lamina,system-v1");
    error |= fdt_begin_node(fdt, "domains");
    error |= fdt_begin_node(fdt, GUEST_NAME);
    error |= fdt_property_string(fdt, "compatible", "lamina,domain");
    error |= fdt_property(fdt, "kernel", kernel->bytes, (int)kernel->size);
    if (guest->ramdisk)
        error |= fdt_property(fdt, "ramdisk", ramdisk->bytes, (int)ramdisk->size);
    if (guest->cmdline)
        error |= fdt_property_string(fdt, "bootargs", guest->cmdline);
    error |= fdt_property_u32(fdt, "memory", guest->memory_mib);
    if (guest->vcpus)
        error |= fdt_property_u32(fdt, "vcpus", guest->vcpus);
    for (int depth = 0; depth < 3; depth++)
        error |= fdt_end_node(fdt);
    return error | fdt_finish(fdt);
}

static int pack(struct blob *system, const struct guest *guest, const struct blob *kernel,
                const struct blob *ramdisk)
{
    size_t text = guest->cmdline ? strlen(guest->cmdline) : 0;
    size_t room = 4096 + kernel->size + ramdisk->size + text;

    if (room > INT32_MAX) {
        complain("kernel, ramdisk and command line together are over 2 GiB");
        return STATUS_USAGE;
    }
    system->bytes = calloc(1, room);
    if (!system->bytes || write_tree(system->bytes, (int)room, guest, kernel, ramdisk) < 0) {
        complain("cannot make a system of %zu bytes in memory", room);
        blob_free(system);
        return STATUS_FAILED;
    }
    system->size = fdt_totalsize(system->bytes);
    return 0;
}

int system_from_guest(struct blob *system, const struct guest *guest)
{
    struct blob kernel = {0}, ramdisk = {0};
    int status = read_kernel(&kernel, guest->kernel);

    *system = (struct blob){0};
    if (!status && guest->ramdisk)
        status = blob_read(&ramdisk, guest->ramdisk, "ramdisk");
    if (!status)
        status = pack(system, guest, &kernel, &ramdisk);
    blob_free(&kernel);
    blob_free(&ramdisk);
    return status;
}

uint64_t system_memory(const struct blob *system)
{
    int domains = fdt_path_offset(system->bytes, "/domains"), node, length;
    uint64_t mib = 0;

    if (domains < 0)
        return 0;
    fdt_for_each_subnode(node, system->bytes, domains)
    {
        const void *memory = fdt_getprop(system->bytes, node, "memory", &length);
        if (memory && length == 4 && fdt32_ld(memory) <= MAX_DOMAIN_MIB)
            mib += fdt32_ld(memory);
    }
    return mib << MIB_SHIFT;
}
