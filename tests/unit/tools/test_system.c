/* The trees that the host tool makes or reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "message.h"
#include "system.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file that is there until the process ends. */
static const char *file(const char *suffix, const void *bytes, size_t size)
{
    static char names[8][64];
    static unsigned used;
    char *name = names[used++ % 8];

    assert_in_range(snprintf(name, 64, "/tmp/lamina-test-XXXXXX%s", suffix), 1, 63);
    int fd = mkstemps(name, (int)strlen(suffix));
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    return name;
}

static const void *property(const struct blob *system, const char *name, int *length)
{
    int node = fdt_path_offset(system->bytes, "/domains/guest");

    assert_true(node > 0);
    return fdt_getprop(system->bytes, node, name, length);
}

static void test_whole_guest(void **state)
{
    (void)state;
    const char *kernel = file("", "kernel bytes", 12), *ramdisk = file("", "ramdisk", 7);
    struct guest guest = {kernel, ramdisk, "console=hvc0 \"x\"", 96, 3};
    struct blob system;
    int length;

    assert_int_equal(system_from_guest(&system, &guest), 0);
    assert_int_equal(fdt_check_full(system.bytes, system.size), 0);
    assert_string_equal(fdt_getprop(system.bytes, 0, "compatible", NULL), "lamina,system-v1");
    assert_string_equal(property(&system, "compatible", NULL), "lamina,domain");
    assert_memory_equal(property(&system, "kernel", &length), "kernel bytes", 12);
    assert_int_equal(length, 12);
    assert_memory_equal(property(&system, "ramdisk", &length), "ramdisk", 7);
    assert_int_equal(length, 7);
    assert_string_equal(property(&system, "bootargs", NULL), "console=hvc0 \"x\"");
    assert_int_equal(fdt32_ld(property(&system, "memory", &length)), 96);
    assert_int_equal(length, 4);
    assert_int_equal(fdt32_ld(property(&system, "vcpus", &length)), 3);
    assert_int_equal(system_memory(&system), 96ul << 20);
    blob_free(&system);
    unlink(kernel);
    unlink(ramdisk);
}

static void test_plain_guest(void **state)
{
    (void)state;
    const char *kernel = file("", "k", 1);
    struct guest guest = {.kernel = kernel, .memory_mib = 64};
    struct blob system;

    assert_int_equal(system_from_guest(&system, &guest), 0);
    assert_null(property(&system, "ramdisk", NULL));
    assert_null(property(&system, "bootargs", NULL));
    assert_null(property(&system, "vcpus", NULL));
    blob_free(&system);
    unlink(kernel);
}

static void test_unreadable_guest(void **state)
{
    (void)state;
    const char *empty = file("", "", 0);
    struct blob system;

    assert_int_equal(system_from_guest(&system, &(struct guest){.kernel = empty}), STATUS_USAGE);
    assert_null(system.bytes);
    assert_int_equal(system_from_guest(&system, &(struct guest){.kernel = "/not/there"}),
                     STATUS_USAGE);
    assert_null(system.bytes);
    unlink(empty);
}

static void test_memory_of_source(void **state)
{
    (void)state;
    static const char text[] = "/dts-v1/; / { domains { a { memory = <16>; }; b { }; "
                               "c { memory = <0xffffffff>; }; d { memory = \"64M\"; }; "
                               "e { memory = <1 2>; }; f { memory = <1048576>; }; }; };";
    const char *source = file(".dts", text, strlen(text));
    struct blob system;

    assert_int_equal(system_from_file(&system, source, false), 0);
    assert_int_equal(system_memory(&system), (1048576ul + 16) << 20);
    blob_free(&system);

    assert_int_equal(system_from_file(&system, source, true), 0);
    assert_int_equal(system.size, strlen(text));
    blob_free(&system);
    unlink(source);
}

/* Each shorter version of a good blob is refused, and none is read beyond its end. */
static void test_truncated_blob(void **state)
{
    (void)state;
    const char *kernel = file("", "k", 1);
    struct blob whole, system;

    assert_int_equal(system_from_guest(&whole, &(struct guest){.kernel = kernel}), 0);
    for (size_t size = 0; size < whole.size; size += 7) {
        const char *name = file(".dtb", whole.bytes, size);
        assert_int_equal(system_from_file(&system, name, false), STATUS_USAGE);
        assert_null(system.bytes);
        unlink(name);
    }
    blob_free(&whole);
    unlink(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_guest),      cmocka_unit_test(test_plain_guest),
        cmocka_unit_test(test_unreadable_guest), cmocka_unit_test(test_memory_of_source),
        cmocka_unit_test(test_truncated_blob),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
