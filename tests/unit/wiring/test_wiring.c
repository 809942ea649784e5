#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/wiring.h"
#include "tests/unit/config/blob.h"
#include "tests/unit/config/log_capture.h"

#define DOMAIN "compatible = \"lamina,domain\"; kernel = [00]; memory = <4>; "
#define EVENT  "compatible = \"lamina,event-channel\"; "
#define PAGE   "compatible = \"lamina,shared-page\"; "

/* --- the rest of the hypervisor, as far as wiring sees it --- */

static struct domain domain[4]; /* [0] is not used */
static bool built[4];
static unsigned references, pages, pages_left, connected;
static uint32_t used_port; /* of domain 1 */

struct domain *domain_get(uint16_t id)
{
    if (id >= ARRAY_LEN(domain) || !built[id])
        return NULL;
    references++;
    return &domain[id];
}

void domain_put(struct domain *d)
{
    assert_non_null(d);
    references--;
}

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
    pages += 1u << order;
    return calloc(1, PAGE_SIZE << order);
}

void arch_free_pages(void *p, unsigned order)
{
    pages_left += 1u << order;
    pages -= 1u << order;
    free(p);
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
        built[i] = true;
    }
    pages_left = 1000;
    connected = 0;
    used_port = 1;
    log_reset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 1; i < ARRAY_LEN(domain); i++)
        wiring_free(&domain[i]);
    free(blob);
    blob = NULL;
    return references == 0 && pages == 0 ? 0 : -1;
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
    return wiring_apply(&sys);
}

static void assert_end(struct domain *d, const char *name, uint8_t kind, uint8_t role,
                       uint16_t peer, uint32_t number)
{
    const struct wire_end *end = wiring_find(d, name);

    assert_non_null(end);
    assert_string_equal(end->name, name);
    assert_int_equal(end->kind, kind);
    assert_int_equal(end->role, role);
    assert_int_equal(end->peer, peer);
    assert_int_equal(end->number, number);
}

static void test_both_ends(void **state)
{
    (void)state;
    assert_int_equal(apply("bell { " EVENT "ends = <&d1 5 &d2 6>; }; "
                           "ring { " PAGE "owner = <&d2 8>; peer = <&d3>; };"),
                     0);
    assert_silent();
    assert_int_equal(connected, 1);
    assert_end(&domain[1], "bell", LAMINA_WIRE_event_channel, LAMINA_WIRE_first, 2, 5);
    assert_end(&domain[2], "bell", LAMINA_WIRE_event_channel, LAMINA_WIRE_second, 1, 6);
    assert_end(&domain[2], "ring", LAMINA_WIRE_shared_page, LAMINA_WIRE_first, 3, 8);
    assert_end(&domain[3], "ring", LAMINA_WIRE_shared_page, LAMINA_WIRE_second, 2, 8);
    assert_null(wiring_find(&domain[1], "ring"));
    assert_null(wiring_find(&domain[3], "bell"));
    assert_null(wiring_find(&domain[1], ""));
    assert_null(wiring_find(&domain[1], "bel"));
    assert_null(wiring_find(&domain[1], "bells"));
}

static void test_none(void **state)
{
    (void)state;
    assert_int_equal(apply(""), 0);
    assert_null(wiring_find(&domain[1], "bell"));
    assert_int_equal(pages, 0);
}

static void test_domain_not_built(void **state)
{
    (void)state;
    built[2] = false;
    assert_int_equal(apply("bell { " EVENT "ends = <&d1 5 &d2 6>; }; "
                           "next { " EVENT "ends = <&d1 5 &d3 6>; };"),
                     1);
    assert_logged("/wiring/bell: not connected: domain 2 of the tree was not built");
    assert_null(wiring_find(&domain[1], "bell"));
    assert_non_null(wiring_find(&domain[1], "next"));
    assert_int_equal(connected, 1);
}

static void test_wrong_wire(void **state)
{
    (void)state;
    assert_int_equal(apply("bell { " EVENT "ends = <&d1 0 &d2 6>; }; "
                           "next { " EVENT "ends = <&d1 5 &d3 6>; };"),
                     1);
    assert_logged("/wiring/bell: ends = <1 0 2 6>: expected ports 1 .. 4095");
    assert_non_null(wiring_find(&domain[3], "next"));
}

static void test_port_in_use(void **state)
{
    (void)state;
    assert_int_equal(apply("bell { " EVENT "ends = <&d2 5 &d1 1>; };"), 1);
    assert_logged("/wiring/bell: ends = <&d2 5 &d1 1>: a port is in use: expected two free ones");
    assert_null(wiring_find(&domain[2], "bell"));
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
    assert_null(wiring_find(&domain[3], "b"));
    assert_int_equal(domain[1].nr_wires, 4);
}

static void test_no_memory(void **state)
{
    (void)state;
    pages_left = 1;
    assert_int_equal(apply("bell { " EVENT "ends = <&d1 5 &d2 6>; };"), 1);
    assert_logged("/wiring/bell: no memory for it");
    assert_int_equal(connected, 0);
    assert_null(wiring_find(&domain[1], "bell"));
}

static void test_many(void **state)
{
    static char wires[(WIRING_MAX + 1) * 96];
    char name[16];
    int used = 0;

    (void)state;
    for (unsigned i = 0; i <= WIRING_MAX; i++)
        used += snprintf(wires + used, sizeof(wires) - (size_t)used,
                         "w%u { " EVENT "ends = <&d1 %u &d2 %u>; }; ", i, i + 2, i + 1);
    assert_int_equal(apply(wires), 1);
    assert_logged("/wiring/w1024: d1 has 1024 wires already: expected no more");
    for (unsigned i = 0; i < WIRING_MAX; i++) {
        snprintf(name, sizeof(name), "w%u", i);
        assert_end(&domain[1], name, LAMINA_WIRE_event_channel, LAMINA_WIRE_first, 2, i + 2);
        assert_end(&domain[2], name, LAMINA_WIRE_event_channel, LAMINA_WIRE_second, 1, i + 1);
    }
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
