#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/domain.h"
#include "core/wiring.h"
#include "tests/unit/config/blob.h"
#include "tests/unit/config/log_capture.h"

#define MANY 3000

#define DOMAIN "compatible = \"lamina,domain\"; kernel = [00]; memory = <4>; "
#define EVENT  "compatible = \"lamina,event-channel\"; "
#define PAGE   "compatible = \"lamina,shared-page\"; "

/* --- the rest of the hypervisor, as far as wiring sees it --- */

static struct domain domain[4]; /* [0] is not used */
static struct domain *built[3]; /* NULL: not */
static unsigned pages_left, connected, looks;
static void *table;        /* of the wires, which is never given back */
static uint32_t used_port; /* of domain 1 */

int evtchn_wire(struct domain *d1, uint32_t p1, struct domain *d2, uint32_t p2)
{
    if ((d1 == &domain[1] && p1 == used_port) || (d2 == &domain[1] && p2 == used_port))
        return -XEN_EEXIST;
    connected++;
    return 0;
}

void *arch_alloc_pages(unsigned order)
{
    if (pages_left < 1u << order)
        return NULL;
    pages_left -= 1u << order;
    free(table);
    table = calloc(1, PAGE_SIZE << order);
    return table;
}

void cond_resched(void)
{
    looks++;
}

/* --- */

static struct system_config sys;
static void *blob;

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 1; i < ARRAY_LEN(domain); i++) {
        domain[i] = (struct domain){.id = (uint16_t)i};
        snprintf(domain[i].name, sizeof(domain[i].name), "d%u", i);
        built[i - 1] = &domain[i];
    }
    pages_left = 1000;
    connected = looks = 0;
    used_port = 1;
    log_reset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(blob);
    blob = NULL;
    return 0;
}

/* Three domains and these wires. Returns what wiring_apply returned. */
static unsigned apply(const char *wires)
{
    const size_t room = strlen(wires) + 1024;
    char *dts = malloc(room);
    size_t size;

    snprintf(dts, room,
             "/dts-v1/; / { compatible = \"lamina,system-v1\"; domains { d1: d1 { " DOMAIN
             "}; d2: d2 { " DOMAIN "}; d3: d3 { " DOMAIN "}; }; wiring { %s }; };",
             wires);
    free(blob);
    blob = blob_compile(dts, &size);
    free(dts);
    assert_true(config_open(&sys, blob, size));
    return wiring_apply(&sys, built);
}

static bool finds(uint16_t domid, const char *name, struct lamina_wire *w)
{
    memset(w, 0xff, sizeof(*w));
    strcpy(w->name, name);
    return wiring_find(domid, w);
}

static void assert_end(uint16_t domid, const char *name, uint32_t kind, uint32_t role,
                       uint16_t peer, uint32_t number)
{
    struct lamina_wire w;

    assert_true(finds(domid, name, &w));
    assert_string_equal(w.name, name);
    assert_int_equal(w.kind, kind);
    assert_int_equal(w.role, role);
    assert_int_equal(w.peer, peer);
    assert_int_equal(w.pad, 0);
    assert_int_equal(w.id, number);
}

static void assert_no_end(uint16_t domid, const char *name)
{
    struct lamina_wire w;

    assert_false(finds(domid, name, &w));
}

static void test_both_ends(void **state)
{
    (void)state;
    assert_int_equal(apply("bell { " EVENT "ends = <&d1 5 &d2 6>; }; "
                           "ring { " PAGE "owner = <&d2 8>; peer = <&d3>; };"),
                     0);
    assert_silent();
    assert_int_equal(connected, 1);
    assert_end(1, "bell", LAMINA_WIRE_event_channel, LAMINA_WIRE_first, 2, 5);
    assert_end(2, "bell", LAMINA_WIRE_event_channel, LAMINA_WIRE_second, 1, 6);
    assert_end(2, "ring", LAMINA_WIRE_shared_page, LAMINA_WIRE_first, 3, 8);
    assert_end(3, "ring", LAMINA_WIRE_shared_page, LAMINA_WIRE_second, 2, 8);
    assert_no_end(1, "ring");
    assert_no_end(3, "bell");
    assert_no_end(1, "");
    assert_no_end(1, "bel");
    assert_no_end(1, "bells");
}

static void test_none(void **state)
{
    (void)state;
    assert_int_equal(apply(""), 0);
    assert_no_end(1, "bell");
    assert_int_equal(pages_left, 1000);
}

static void test_domain_not_built(void **state)
{
    struct lamina_wire w;

    (void)state;
    built[1] = NULL;
    assert_int_equal(apply("bell { " EVENT "ends = <&d1 5 &d2 6>; }; "
                           "next { " EVENT "ends = <&d1 5 &d3 6>; };"),
                     1);
    assert_logged("/wiring/bell: not connected: /domains/d2 was not built");
    assert_no_end(1, "bell");
    assert_true(finds(1, "next", &w));
    assert_int_equal(connected, 1);
}

static void test_wrong_wire(void **state)
{
    struct lamina_wire w;

    (void)state;
    assert_int_equal(apply("bell { " EVENT "ends = <&d1 0 &d2 6>; }; "
                           "next { " EVENT "ends = <&d1 5 &d3 6>; };"),
                     1);
    assert_logged("/wiring/bell: ends = <1 0 2 6>: expected "
                  "<&DOMAIN PORT &DOMAIN PORT>: labels in /domains, ports 1 .. 4095");
    assert_true(finds(3, "next", &w));
}

static void test_port_in_use(void **state)
{
    (void)state;
    assert_int_equal(apply("bell { " EVENT "ends = <&d2 5 &d1 1>; };"), 1);
    assert_logged("/wiring/bell: ends = <&d2 5 &d1 1>: a port is in use: expected two free ones");
    assert_no_end(2, "bell");
}

static void test_reference_in_use(void **state)
{
    (void)state;
    /* The same number is fine for another owner, and for an event port. */
    assert_int_equal(apply("a { " PAGE "owner = <&d1 8>; peer = <&d2>; }; "
                           "b { " PAGE "owner = <&d1 8>; peer = <&d3>; }; "
                           "c { " PAGE "owner = <&d2 8>; peer = <&d1>; }; "
                           "d { " PAGE "owner = <&d3 8>; peer = <&d1>; }; "
                           "e { " EVENT "ends = <&d1 8 &d2 8>; };"),
                     1);
    assert_logged(
        "/wiring/b: owner = <&d1 8>: another wire has that reference: expected a free one");
    assert_no_end(3, "b");
    assert_end(1, "a", LAMINA_WIRE_shared_page, LAMINA_WIRE_first, 2, 8);
    assert_end(1, "c", LAMINA_WIRE_shared_page, LAMINA_WIRE_second, 2, 8);
    assert_end(1, "d", LAMINA_WIRE_shared_page, LAMINA_WIRE_second, 3, 8);
    assert_end(1, "e", LAMINA_WIRE_event_channel, LAMINA_WIRE_first, 2, 8);
}

static void test_no_memory(void **state)
{
    (void)state;
    pages_left = 0;
    assert_int_equal(apply("bell { " EVENT "ends = <&d1 5 &d2 6>; }; "
                           "next { " EVENT "ends = <&d1 6 &d2 7>; };"),
                     2);
    assert_logged("/wiring: no memory for its 2 nodes");
    assert_int_equal(connected, 0);
    assert_no_end(1, "bell");
}

/* There may be any number, and looking for one of them lets others in. */
static void test_many(void **state)
{
    static char wires[MANY * 96];
    char name[16];
    int used = 0;

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        used += snprintf(wires + used, sizeof(wires) - (size_t)used,
                         "w%u { " EVENT "ends = <&d1 %u &d2 %u>; }; ", i, i + 2, i + 1);
    assert_int_equal(apply(wires), 0);
    assert_silent();
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "w%u", i);
        assert_end(1, name, LAMINA_WIRE_event_channel, LAMINA_WIRE_first, 2, i + 2);
        assert_end(2, name, LAMINA_WIRE_event_channel, LAMINA_WIRE_second, 1, i + 1);
    }
    looks = 0;
    assert_no_end(3, "w0");
    assert_in_range(looks, MANY / 1000, MANY);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_both_ends),  TEST(test_none),        TEST(test_domain_not_built),
        TEST(test_wrong_wire), TEST(test_port_in_use), TEST(test_reference_in_use),
        TEST(test_no_memory),  TEST(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
