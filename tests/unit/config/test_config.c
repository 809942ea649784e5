#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/config.h"
#include "core/domain.h"
#include "tests/unit/config/blob.h"
#include "tests/unit/config/log_capture.h"

#define HEAD    "/dts-v1/; / { compatible = \"lamina,system-v1\"; "
#define MINIMAL "compatible = \"lamina,domain\"; kernel = [7f 45 4c 46]; memory = <4>; "
#define EVENT   "compatible = \"lamina,event-channel\"; "
#define PAGE    "compatible = \"lamina,shared-page\"; "

/* What the properties of wires should have been. */
#define ENDS  "<&DOMAIN PORT &DOMAIN PORT>: labels in /domains, ports 1 .. 4095"
#define OWNER "<&DOMAIN REFERENCE>: a label in /domains, a grant reference 8 .. 32767"
#define PEER  "<&DOMAIN>: a label in /domains"

static struct system_config sys;

/* Opens a tree of that source, which stays until the next one. */
static bool open_tree(const char *dts)
{
    static void *blob;
    size_t size;

    free(blob);
    blob = blob_compile(dts, &size);
    log_reset();
    return config_open(&sys, blob, size);
}

/* --- what is right --- */

static void test_full_domain(void **state)
{
    struct domain_config dom;

    (void)state;
    assert_true(open_tree(HEAD "model = \"test\"; #address-cells = <1>; "
                               "hypervisor { audit-calls; }; domains { "
                               "first { " MINIMAL "}; "
                               "x: Web.1_a+b-c { compatible = \"lamina,domain\"; "
                               "kernel = [01 02 03]; ramdisk = [0a 0b]; memory = <1048576>; "
                               "bootargs = \"console=hvc0 quiet\"; vcpus = <64>; weight = <1>; "
                               "cap = <6400>; cpus = <0 3 63>; abi-version = <7>; "
                               "privileges = \"control\", \"console-read\", \"foreign-map\", "
                               "\"linear-page-tables\"; "
                               "no-console-write; }; }; wiring { }; };"));
    assert_int_equal(sys.nr_domains, 2);
    assert_int_equal(sys.refused, 0);
    assert_true(sys.audit_calls);
    assert_false(sys.allow_unsafe_cpu);
    assert_true(config_next_wire(&sys, -1) < 0);
    assert_true(config_domain(&sys, 0, &dom));
    assert_string_equal(dom.name, "first");
    assert_int_equal(dom.id, 1);
    assert_int_equal(dom.kernel.size, 4);
    assert_null(dom.ramdisk.data);
    assert_string_equal(dom.bootargs, "");
    assert_int_equal(dom.pages, 1024);
    assert_int_equal(dom.vcpus, 1);
    assert_int_equal(dom.weight, 256);
    assert_int_equal(dom.cap, 0);
    assert_true(dom.cpus == ~0ul);
    assert_int_equal(dom.privileges, PRIV_CONSOLE_WRITE);
    assert_int_equal(dom.abi_version, 0);
    assert_true(config_domain(&sys, 1, &dom));
    assert_string_equal(dom.name, "Web.1_a+b-c");
    assert_int_equal(dom.id, 2);
    assert_int_equal(dom.kernel.size, 3);
    assert_memory_equal(dom.kernel.data, "\1\2\3", 3);
    assert_int_equal(dom.ramdisk.size, 2);
    assert_memory_equal(dom.ramdisk.data, "\n\v", 2);
    assert_string_equal(dom.bootargs, "console=hvc0 quiet");
    assert_int_equal(dom.pages, 1ul << 28);
    assert_int_equal(dom.vcpus, 64);
    assert_int_equal(dom.weight, 1);
    assert_int_equal(dom.cap, 6400);
    assert_true(dom.cpus == (1ul | 1ul << 3 | 1ul << 63));
    assert_int_equal(dom.privileges,
                     PRIV_CONTROL | PRIV_CONSOLE_READ | PRIV_FOREIGN_MAP | PRIV_LINEAR_TABLES);
    assert_int_equal(dom.abi_version, 7);
    assert_silent();
}

static void test_wires(void **state)
{
    struct wire_config wire;
    int node;

    (void)state;
    assert_true(open_tree(HEAD "domains { a: a { " MINIMAL "}; b: b { " MINIMAL "}; }; wiring { "
                               "bell { " EVENT "ends = <&b 1 &a 4095>; }; "
                               "ring { " PAGE "owner = <&a 8>; peer = <&b>; }; }; };"));
    node = config_next_wire(&sys, -1);
    assert_true(node >= 0 && config_wire(&sys, node, &wire));
    assert_string_equal(wire.name, "bell");
    assert_int_equal(wire.kind, LAMINA_WIRE_event_channel);
    assert_int_equal(wire.end[0].domid, 2);
    assert_int_equal(wire.end[0].number, 1);
    assert_int_equal(wire.end[1].domid, 1);
    assert_int_equal(wire.end[1].number, 4095);
    node = config_next_wire(&sys, node);
    assert_true(node >= 0 && config_wire(&sys, node, &wire));
    assert_string_equal(wire.name, "ring");
    assert_int_equal(wire.kind, LAMINA_WIRE_shared_page);
    assert_int_equal(wire.end[0].domid, 1);
    assert_int_equal(wire.end[0].number, 8);
    assert_int_equal(wire.end[1].domid, 2);
    assert_int_equal(wire.end[1].number, 8);
    assert_true(config_next_wire(&sys, node) < 0);
    assert_silent();
}

/* Nodes that dtc makes by itself are no mistakes. */
static void test_symbols(void **state)
{
    (void)state;
    assert_true(
        open_tree("/dts-v1/; / { compatible = \"lamina,system-v1\"; __symbols__ { a = \"/\"; "
                  "}; aliases { }; domains { a { " MINIMAL "}; }; };"));
    assert_int_equal(sys.refused, 0);
    assert_silent();
}

static void test_many_domains(void **state)
{
    static char dts[CONFIG_MAX_DOMAINS * 128];
    struct domain_config dom;

    (void)state;
    for (unsigned count = CONFIG_MAX_DOMAINS; count <= CONFIG_MAX_DOMAINS + 1; count++) {
        int used = snprintf(dts, sizeof(dts), HEAD "domains { ");

        for (unsigned i = 0; i < count; i++)
            used += snprintf(dts + used, sizeof(dts) - (size_t)used, "d%u { %s};", i, MINIMAL);
        snprintf(dts + used, sizeof(dts) - (size_t)used, "}; };");
        assert_true(open_tree(dts));
        assert_int_equal(sys.refused, count - CONFIG_MAX_DOMAINS);
    }
    assert_logged("/domains: more than 2048 nodes: expected at most that many");
    assert_int_equal(sys.nr_domains, CONFIG_MAX_DOMAINS);
    assert_true(config_domain(&sys, 2047, &dom));
    assert_string_equal(dom.name, "d2047");
    assert_int_equal(dom.id, 2048);
}

/* --- what is wrong --- */

struct refusal {
    const char *source, *line;
};

/* The source is a domain's node; the domain after it must not suffer. */
static void test_wrong_domains(void **state)
{
    static const struct refusal cases[] = {
        {"a { kernel = [00]; memory = <1>; }",
         "/domains/a: compatible is missing: expected \"lamina,domain\""},
        {"a { compatible = \"lamina,domian\"; kernel = [00]; memory = <1>; }",
         "/domains/a: compatible = \"lamina,domian\": expected \"lamina,domain\""},
        {"a { compatible = \"lamina,domain\", \"x\"; kernel = [00]; memory = <1>; }",
         "/domains/a: compatible = \"lamina,domain\", \"x\": expected \"lamina,domain\""},
        {"a { compatible = \"lamina,domain\"; memory = <1>; }",
         "/domains/a: kernel is missing: expected /incbin/(\"FILE\")"},
        {"a { compatible = \"lamina,domain\"; kernel = [00]; }",
         "/domains/a: memory is missing: expected <1 .. 1048576> (MiB)"},
        {"a { compatible = \"lamina,domain\"; kernel = [00]; memory = <0>; }",
         "/domains/a: memory = <0>: expected <1 .. 1048576> (MiB)"},
        {"a { compatible = \"lamina,domain\"; kernel = [00]; memory = <1048577>; }",
         "/domains/a: memory = <1048577>: expected <1 .. 1048576> (MiB)"},
        {"a { compatible = \"lamina,domain\"; kernel = [00]; memory = \"64M\"; }",
         "/domains/a: memory = \"64M\": expected <1 .. 1048576> (MiB)"},
        {"a { compatible = \"lamina,domain\"; kernel = [00]; memory = <0 64>; }",
         "/domains/a: memory = <0 64>: expected <1 .. 1048576> (MiB)"},
        {"a { compatible = \"lamina,domain\"; kernel = [00]; memory; }",
         "/domains/a: memory = (no value): expected <1 .. 1048576> (MiB)"},
        {"a { compatible = \"lamina,domain\"; kernel = [00]; memory = [01 02 03]; }",
         "/domains/a: memory = 01 02 03 (bytes): expected <1 .. 1048576> (MiB)"},
        {"a { " MINIMAL "ramdisk; }",
         "/domains/a: ramdisk = (no value): expected a file that is not empty"},
        {"a { " MINIMAL "bootargs = <1>; }",
         "/domains/a: bootargs = <1>: expected one string of at most 1023 characters"},
        {"a { " MINIMAL "bootargs = \"a\", \"b\"; }",
         "/domains/a: bootargs = \"a\", \"b\": expected one string of at most 1023 characters"},
        {"a { " MINIMAL "vcpus = <0>; }", "/domains/a: vcpus = <0>: expected <1 .. 64>"},
        {"a { " MINIMAL "vcpus = <65>; }", "/domains/a: vcpus = <65>: expected <1 .. 64>"},
        {"a { " MINIMAL "vcpus = \"two\"; }", "/domains/a: vcpus = \"two\": expected <1 .. 64>"},
        {"a { " MINIMAL "weight = <0>; }", "/domains/a: weight = <0>: expected <1 .. 65535>"},
        {"a { " MINIMAL "weight = <0x10000>; }",
         "/domains/a: weight = <65536>: expected <1 .. 65535>"},
        {"a { " MINIMAL "cap = <6401>; }",
         "/domains/a: cap = <6401>: expected <0 .. 6400> (percent of a CPU)"},
        {"a { " MINIMAL "cpus = <64>; }",
         "/domains/a: cpus = <64>: expected host CPUs <0 .. 63>, each at most once"},
        {"a { " MINIMAL "cpus = <1 2 1>; }",
         "/domains/a: cpus = <1 2 1>: expected host CPUs <0 .. 63>, each at most once"},
        {"a { " MINIMAL "cpus; }",
         "/domains/a: cpus = (no value): expected host CPUs <0 .. 63>, each at most once"},
        {"a { " MINIMAL "privileges = \"control\", \"root\"; }",
         "/domains/a: privileges = \"control\", \"root\": expected a list of \"console-read\", "
         "\"foreign-map\", \"control\", \"linear-page-tables\""},
        {"a { " MINIMAL "privileges = <1>; }",
         "/domains/a: privileges = <1>: expected a list of \"console-read\", \"foreign-map\", "
         "\"control\", \"linear-page-tables\""},
        {"a { " MINIMAL "no-console-write = <1>; }",
         "/domains/a: no-console-write = <1>: expected no value"},
        {"a { " MINIMAL "abi-version = <0>; }",
         "/domains/a: abi-version = <0>: expected <1 .. 65535>"},
        {"a { " MINIMAL "vcpu = <2>; }",
         "/domains/a: vcpu: unknown property: expected one of phandle, compatible, kernel, memory, "
         "ramdisk, bootargs, vcpus, "
         "weight, cap, cpus, privileges, no-console-write, abi-version"},
        {"a { " MINIMAL "memroy = <2>; }",
         "/domains/a: memroy: unknown property: expected one of phandle, compatible, kernel, "
         "memory, ramdisk, bootargs, vcpus, "
         "weight, cap, cpus, privileges, no-console-write, abi-version"},
        {"a { " MINIMAL "disk { }; }", "/domains/a: has a node disk: expected none"},
        {"a@1 { " MINIMAL "}",
         "/domains/a@1: its name has 3 characters: expected 1 .. 31 of A-Z a-z 0-9 . _ + -"},
        {"abcdefghijabcdefghijabcdefghij12 { " MINIMAL "}",
         "/domains/abcdefghijabcdefghijabcdefghij12: its name has 32 characters: expected 1 .. 31 "
         "of A-Z a-z 0-9 . _ + -"},
        {"a { " MINIMAL
         "cpus = <1000000001 1000000002 1000000003 1000000004 1000000005 1000000006>; }",
         "/domains/a: cpus = <1000000001 1000000002 1000000003 1000000004 1000000005 1000...: "
         "expected host CPUs <0 .. 63>, each at most once"},
        {"a { " MINIMAL
         "vcpus = \"a string that is much longer than what is shown of it in a line\"; }",
         "/domains/a: vcpus = \"a string that is much longer than what is shown of it in a ...: "
         "expected <1 .. 64>"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct domain_config dom;
        char dts[1024];

        snprintf(dts, sizeof(dts), HEAD "domains { %s; b { " MINIMAL "}; }; };", cases[i].source);
        assert_true(open_tree(dts));
        assert_false(config_domain(&sys, 0, &dom));
        assert_logged(cases[i].line);
        assert_true(config_domain(&sys, 1, &dom));
        assert_string_equal(dom.name, "b");
        assert_int_equal(dom.id, 2);
        assert_silent();
    }
}

/* A node with many mistakes costs a few lines. */
static void test_many_mistakes(void **state)
{
    struct domain_config dom;

    (void)state;
    assert_true(open_tree(HEAD
                          "domains { a { vcpus = <0>; cap = <9999>; weight = <0>; cpus = <99>; "
                          "x1; x2; x3; x4; x5; }; }; };"));
    assert_false(config_domain(&sys, 0, &dom));
    assert_int_equal(log_lines, 4);
}

static void test_bootargs_length(void **state)
{
    struct domain_config dom;
    char dts[2048], text[1025];

    (void)state;
    for (unsigned length = 1023; length <= 1024; length++) {
        memset(text, 'x', length);
        text[length] = 0;
        snprintf(dts, sizeof(dts), HEAD "domains { a { " MINIMAL "bootargs = \"%s\"; }; }; };",
                 text);
        assert_true(open_tree(dts));
        assert_int_equal(config_domain(&sys, 0, &dom), length == 1023);
    }
    assert_int_equal(log_lines, 1);
}

/* One beyond each is refused by the cases here. */
static void test_largest(void **state)
{
    static const char name[] = "abcdefghijabcdefghijabcdefghij1";
    struct domain_config dom;
    struct wire_config wire;

    (void)state;
    assert_true(open_tree(HEAD "domains { a: abcdefghijabcdefghijabcdefghij1 { " MINIMAL
                               "weight = <65535>; abi-version = <65535>; }; b: b { " MINIMAL
                               "}; }; "
                               "wiring { abcdefghijabcdefghijabcdefghij1 { " PAGE
                               "owner = <&a 32767>; peer = <&b>; }; }; };"));
    assert_true(config_domain(&sys, 0, &dom));
    assert_string_equal(dom.name, name);
    assert_int_equal(dom.weight, 65535);
    assert_int_equal(dom.abi_version, 65535);
    assert_true(config_wire(&sys, config_next_wire(&sys, -1), &wire));
    assert_string_equal(wire.name, name);
    assert_int_equal(wire.end[0].number, 32767);
    assert_silent();
}

/* Each source is that of a wire's node between domains a and b. */
static void test_wrong_wires(void **state)
{
    static const struct refusal cases[] = {
        {"w { ends = <&a 1 &b 1>; }", "/wiring/w: compatible is missing: expected "
                                      "\"lamina,event-channel\" or \"lamina,shared-page\""},
        {"w { compatible = \"lamina,pipe\"; ends = <&a 1 &b 1>; }",
         "/wiring/w: compatible = \"lamina,pipe\": expected \"lamina,event-channel\" or "
         "\"lamina,shared-page\""},
        {"w { " EVENT "}", "/wiring/w: ends is missing: expected " ENDS},
        {"w { " EVENT "ends = <&a 1 &b>; }", "/wiring/w: ends = <1 1 2>: expected " ENDS},
        {"w { " EVENT "ends = <&a 0 &b 1>; }", "/wiring/w: ends = <1 0 2 1>: expected " ENDS},
        {"w { " EVENT "ends = <&a 1 &b 4096>; }", "/wiring/w: ends = <1 1 2 4096>: expected " ENDS},
        {"w { " EVENT "ends = <&a 1 77 1>; }", "/wiring/w: ends = <1 1 77 1>: expected " ENDS},
        {"w { " EVENT "ends = <0 1 &b 1>; }", "/wiring/w: ends = <0 1 1 1>: expected " ENDS},
        {"w { " EVENT "ends = <&a 1 &top 1>; }", "/wiring/w: ends = <1 1 2 1>: expected " ENDS},
        {"w { " EVENT "ends = <&a 1 &a 2>; }",
         "/wiring/w: both ends are /domains/a: expected two different domains"},
        {"w { " EVENT "ends = <&a 1 &b 1>; peer = <&a>; }",
         "/wiring/w: peer: unknown property: expected one of phandle, compatible, ends"},
        {"w { " PAGE "owner = <&a 8>; }", "/wiring/w: peer is missing: expected " PEER},
        {"w { " PAGE "peer = <&a>; }", "/wiring/w: owner is missing: expected " OWNER},
        {"w { " PAGE "owner = <&a 7>; peer = <&b>; }", "/wiring/w: owner = <1 7>: expected " OWNER},
        {"w { " PAGE "owner = <&a 32768>; peer = <&b>; }",
         "/wiring/w: owner = <1 32768>: expected " OWNER},
        {"w { " PAGE "owner = <&a>; peer = <&b>; }", "/wiring/w: owner = <1>: expected " OWNER},
        {"w { " PAGE "owner = <&a 8>; peer = <9>; }", "/wiring/w: peer = <9>: expected " PEER},
        {"w { " PAGE "owner = <&a 8>; peer = <&b 8>; }", "/wiring/w: peer = <2 8>: expected " PEER},
        {"w { " EVENT "ends = <&a 1 &b 1>; x { }; }", "/wiring/w: has a node x: expected none"},
        {"abcdefghijabcdefghijabcdefghij12 { " EVENT "ends = <&a 1 &b 1>; }",
         "/wiring/abcdefghijabcdefghijabcdefghij12: its name has 32 characters: expected 1 .. 31 "
         "of "
         "A-Z a-z 0-9 . _ + -"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wire_config wire;
        char dts[1024];
        int node;

        snprintf(dts, sizeof(dts),
                 HEAD "domains { a: a { " MINIMAL "}; b: b { " MINIMAL
                      "}; }; top: wiring { %s; ok { " EVENT "ends = <&a 5 &b 5>; }; }; };",
                 cases[i].source);
        assert_true(open_tree(dts));
        node = config_next_wire(&sys, -1);
        assert_false(config_wire(&sys, node, &wire));
        assert_logged(cases[i].line);
        assert_true(config_wire(&sys, config_next_wire(&sys, node), &wire));
        assert_string_equal(wire.name, "ok");
        assert_silent();
    }
}

/* Mistakes around the domains: reported and counted, and the domains are still there. */
static void test_wrong_surroundings(void **state)
{
    static const struct refusal cases[] = {
        {"domain { }; ", "/domain: unknown node: expected /domains, /wiring or /hypervisor"},
        {"serial = <1>; ",
         "/: serial: unknown property: expected one of phandle, compatible, model, #address-cells, "
         "#size-cells"},
        {"hypervisor { log-level = <1>; }; ",
         "/hypervisor: log-level: unknown property: expected one of phandle, compatible, "
         "allow-unsafe-cpu, audit-calls"},
        {"hypervisor { audit-calls = <1>; }; ",
         "/hypervisor: audit-calls = <1>: expected no value"},
        {"hypervisor { compatible = \"x\"; }; ",
         "/hypervisor: compatible = \"x\": expected \"lamina,hypervisor\""},
        {"wiring { x = <1>; }; ", "/wiring: x: unknown property: expected one of phandle"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char dts[512];

        snprintf(dts, sizeof(dts), HEAD "%s domains { a { " MINIMAL "}; }; };", cases[i].source);
        assert_true(open_tree(dts));
        assert_int_equal(sys.refused, 1);
        assert_int_equal(sys.nr_domains, 1);
        assert_logged(cases[i].line);
    }
}

static void test_no_system(void **state)
{
    static const struct refusal cases[] = {
        {"/dts-v1/; / { domains { }; };",
         "/: compatible is missing: expected \"lamina,system-v1\""},
        {"/dts-v1/; / { compatible = \"lamina,system-v2\"; };",
         "/: compatible = \"lamina,system-v2\": expected \"lamina,system-v1\""},
        {HEAD "};", "/domains: missing or empty: expected a node for each domain"},
        {HEAD "domains { }; };", "/domains: missing or empty: expected a node for each domain"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_false(open_tree(cases[i].source));
        assert_logged(cases[i].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_domain),     cmocka_unit_test(test_wires),
        cmocka_unit_test(test_symbols),         cmocka_unit_test(test_many_domains),
        cmocka_unit_test(test_wrong_domains),   cmocka_unit_test(test_many_mistakes),
        cmocka_unit_test(test_bootargs_length), cmocka_unit_test(test_largest),
        cmocka_unit_test(test_wrong_wires),     cmocka_unit_test(test_wrong_surroundings),
        cmocka_unit_test(test_no_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
