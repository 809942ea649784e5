/* Blobs that nobody wrote on purpose: cut off anywhere, or with any byte changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libfdt.h>

#include "core/config.h"
#include "tests/unit/config/blob.h"
#include "tests/unit/config/log_capture.h"

#define MUTATIONS 500000

static const char source[] =
    "/dts-v1/; / { compatible = \"lamina,system-v1\"; domains {"
    "a: a { compatible = \"lamina,domain\"; kernel = [7f 45 4c 46 02]; memory = <4>; cpus = <0 1>; "
    "privileges = \"control\", \"foreign-map\"; bootargs = \"quiet\"; };"
    "b: b { compatible = \"lamina,domain\"; kernel = [7f]; memory = <8>; vcpus = <2>; "
    "ramdisk = [01 02]; no-console-write; }; };"
    "wiring { bell { compatible = \"lamina,event-channel\"; ends = <&a 1 &b 1>; };"
    "ring { compatible = \"lamina,shared-page\"; owner = <&a 8>; peer = <&b>; }; }; };";

static struct system_config sys;
static uint8_t *blob;
static size_t blob_size;

static void touch(const char *bytes, size_t size)
{
    static volatile uint8_t sum;

    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
}

/* Reads all that there is, as the boot does, and touches every byte that it is told of. */
static bool walk(const void *fdt, size_t size)
{
    bool good;

    log_reset();
    good = config_open(&sys, fdt, size);
    assert_true(good || log_lines > 0);
    for (unsigned i = 0; good && i < sys.nr_domains; i++) {
        struct domain_config dom;

        if (!config_domain(&sys, i, &dom))
            continue;
        assert_in_range(strlen(dom.name), 1, 31);
        assert_in_range(dom.pages, 256, 1ul << 28);
        assert_in_range(strlen(dom.bootargs), 0, 1023);
        touch(dom.kernel.data, dom.kernel.size);
        touch(dom.ramdisk.data, dom.ramdisk.size);
    }
    for (int node = config_next_wire(&sys, -1); good && node >= 0;
         node = config_next_wire(&sys, node)) {
        struct wire_config wire;

        if (config_wire(&sys, node, &wire)) {
            assert_in_range(strlen(wire.name), 1, 31);
            for (unsigned i = 0; i < 2; i++) {
                assert_in_range(wire.end[i].domid, 1, sys.nr_domains);
                assert_in_range(wire.end[i].number, 1, 32767);
            }
        }
    }
    return good;
}

static int compile(void **state)
{
    (void)state;
    blob = blob_compile(source, &blob_size);
    return 0;
}

static int release(void **state)
{
    (void)state;
    free(blob);
    return 0;
}

static void test_intact(void **state)
{
    (void)state;
    assert_true(walk(blob_guard(blob, blob_size), blob_size));
    assert_silent();
    assert_int_equal(sys.nr_domains, 2);
}

#define EXPECTED ": expected a device tree blob of version 17 as the first boot module"

static void assert_refused(const void *fdt, const char *error)
{
    char line[160];

    snprintf(line, sizeof(line), "system tree: %s, %zu bytes" EXPECTED, error, blob_size);
    assert_false(walk(fdt, blob_size));
    assert_logged(line);
}

static void test_messages(void **state)
{
    uint32_t *words = malloc(blob_size);

    (void)state;
    assert_non_null(words);
    assert_false(walk(NULL, 0));
    assert_logged("system tree: FDT_ERR_TRUNCATED, 0 bytes" EXPECTED);
    assert_false(walk(blob, 0));
    assert_logged("system tree: FDT_ERR_TRUNCATED, 0 bytes" EXPECTED);
    assert_false(walk(blob_guard(blob, 39), 39));
    assert_logged("system tree: FDT_ERR_TRUNCATED, 39 bytes" EXPECTED);

    memcpy(words, blob, blob_size);
    words[0] = cpu_to_fdt32(0x7f454c46);
    assert_refused(words, "FDT_ERR_BADMAGIC");

    memcpy(words, blob, blob_size);
    fdt_set_version(words, 18);
    fdt_set_last_comp_version(words, 18);
    assert_refused(words, "FDT_ERR_BADVERSION");
    fdt_set_version(words, 16);
    fdt_set_last_comp_version(words, 16);
    assert_refused(words, "FDT_ERR_BADLAYOUT");
    fdt_set_version(words, 3);
    fdt_set_last_comp_version(words, 1);
    assert_refused(words, "FDT_ERR_BADLAYOUT");

    memcpy(words, blob, blob_size);
    fdt_set_totalsize(words, blob_size + 1);
    assert_refused(words, "FDT_ERR_TRUNCATED");
    fdt_set_totalsize(words, 0xffffffff);
    assert_refused(words, "FDT_ERR_TRUNCATED");

    memcpy(words, blob, blob_size);
    fdt_set_off_dt_struct(words, 57);
    assert_refused(words, "FDT_ERR_BADLAYOUT");

    memcpy(words, blob, blob_size);
    memset((uint8_t *)words + fdt_off_dt_struct(blob), 0x55, 64);
    assert_refused(words, "FDT_ERR_BADSTRUCTURE");
    free(words);
}

static void test_every_prefix(void **state)
{
    (void)state;
    for (size_t size = 0; size < blob_size; size++) {
        assert_false(walk(blob_guard(blob, size), size));
        assert_int_equal(log_lines, 1);
    }
    /* The same with a header that does not give it away. */
    for (size_t size = FDT_V17_SIZE; size < blob_size; size++) {
        void *cut = blob_guard(blob, size);

        fdt_set_totalsize(cut, (uint32_t)size);
        assert_false(walk(cut, size));
    }
}

static void test_every_byte(void **state)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

    (void)state;
    for (size_t at = 0; at < blob_size; at++)
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            uint8_t *changed = blob_guard(blob, blob_size);

            changed[at] = values[i];
            walk(changed, blob_size);
        }
}

static void test_random_changes(void **state)
{
    uint64_t random = 1;

    (void)state;
    for (unsigned round = 0; round < MUTATIONS; round++) {
        uint8_t *changed = blob_guard(blob, blob_size);
        unsigned count;

        random = random * 6364136223846793005ul + 1442695040888963407ul;
        count = 1 + (random >> 33) % 6;
        for (unsigned i = 0; i < count; i++) {
            random = random * 6364136223846793005ul + 1442695040888963407ul;
            changed[(random >> 33) % blob_size] = (uint8_t)(random >> 24);
        }
        walk(changed, blob_size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intact),         cmocka_unit_test(test_messages),
        cmocka_unit_test(test_every_prefix),   cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_random_changes),
    };

    return cmocka_run_group_tests(tests, compile, release);
}
