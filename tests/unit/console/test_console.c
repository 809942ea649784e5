/* The console: what domains write, what the hypervisor says about them, what is typed. The terminal
 * is a buffer here, which also knows how much was written without letting others in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/console.h"
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/log.h"
#include "abi/io/console.h"

/* Of a domain's line and of the end of another's: the name in "[] ", the newlines. */
#define LINE_MAX (CONSOLE_LINE + DOMAIN_NAME_MAX + 8)

static const struct abi_version abi = {.subops[__HYPERVISOR_console_io] =
                                           1u << CONSOLEIO_write | 1u << CONSOLEIO_read};
static struct domain ann, bob;
static struct vcpu ann_vcpu = {.domain = &ann}, bob_vcpu = {.domain = &bob};
static struct vcpu *running = &ann_vcpu;
static struct xencons_interface ring;
static uint64_t now;

static char terminal[1u << 20];
static size_t shown, since_resched, longest;
static unsigned virqs, notified;

struct vcpu *arch_current(void)
{
    return running;
}

void arch_console_write(const char *text, size_t length)
{
    assert_true(shown + length < sizeof(terminal));
    memcpy(terminal + shown, text, length);
    shown += length;
    since_resched += length;
    longest = MAX(longest, since_resched);
}

/* Someone else's turn, who may write too. */
static void (*others)(void);

void cond_resched(void)
{
    since_resched = 0;
    if (others)
        others();
}

uint64_t arch_now_ns(void)
{
    return now;
}

void evtchn_raise_virq(struct vcpu *v, unsigned virq)
{
    assert_ptr_equal(v, running);
    assert_int_equal(virq, VIRQ_CONSOLE);
    virqs++;
}

void evtchn_notify(struct domain *d, uint32_t port)
{
    assert_int_equal(port, d->console.port);
    notified++;
}

bool copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    if (!src.addr)
        return false;
    memcpy(dst, (const void *)src.addr, bytes);
    return true;
}

bool copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    if (!dst.addr)
        return false;
    memcpy((void *)dst.addr, src, bytes);
    return true;
}

static void clear(void)
{
    memset(terminal, 0, shown);
    shown = since_resched = longest = 0;
}

static int begin(void **state)
{
    (void)state;
    clear();
    memset(&ring, 0, sizeof(ring));
    memset(&ann, 0, sizeof(ann));
    memset(&bob, 0, sizeof(bob));
    strcpy(ann.name, "ann");
    strcpy(bob.name, "bob");
    ann.abi = bob.abi = &abi;
    ann.privileges = bob.privileges = PRIV_CONSOLE_WRITE;
    ann.vcpu[0] = &ann_vcpu;
    bob.vcpu[0] = &bob_vcpu;
    ann.console.ring = &ring;
    ann.console.port = 2;
    ann_vcpu.work = 0;
    running = &ann_vcpu;
    others = NULL;
    virqs = notified = 0;
    now += 10000000000ul;
    console_set_prefix(true);
    return 0;
}

static int end(void **state)
{
    struct domain *of[] = {&ann, &bob};
    char rest[CONSOLE_INPUT];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        console_domain_flush(of[i]);
        console_replace_focus(of[i], NULL);
    }
    console_replace_focus(NULL, &ann);
    ann.privileges = PRIV_CONSOLE_READ;
    running = &ann_vcpu;
    do_console_io(CONSOLEIO_read, sizeof(rest), guest_ptr((uintptr_t)rest));
    console_replace_focus(&ann, NULL);
    return 0;
}

static long write_as(struct vcpu *v, const char *text, size_t length)
{
    running = v;
    return do_console_io(CONSOLEIO_write, (uint32_t)length, guest_ptr((uintptr_t)text));
}

static void say(struct vcpu *v, const char *text)
{
    assert_int_equal(write_as(v, text, strlen(text)), 0);
}

/* --- lines --- */

static void lines_say_whose_they_are(void **state)
{
    (void)state;
    say(&ann_vcpu, "hel");
    assert_string_equal(terminal, "");
    say(&bob_vcpu, "I am\r\nhe");
    say(&ann_vcpu, "lo\n\n");
    assert_string_equal(terminal, "[bob] I am\n[ann] hello\n[ann] \n");
    clear();
    console_domain_flush(&bob);
    console_domain_flush(&ann);
    assert_string_equal(terminal, "[bob] he\n");
}

static void a_single_domain_writes_as_it_likes(void **state)
{
    (void)state;
    console_set_prefix(false);
    say(&ann_vcpu, "a\rb");
    say(&ann_vcpu, "c");
    assert_string_equal(terminal, "a\rbc");
    log_line("%s %u", "hello", 7);
    say(&ann_vcpu, "d\n");
    log_line("x");
    assert_string_equal(terminal, "a\rbc\n(lamina) hello 7\nd\n(lamina) x\n");
    clear();
    say(&ann_vcpu, "e");
    console_domain_flush(&ann);
    console_domain_flush(&ann);
    assert_string_equal(terminal, "e\n");
}

static void long_lines_are_cut(void **state)
{
    static char text[2 * CONSOLE_LINE];

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(write_as(&ann_vcpu, text, sizeof(text)), 0);
    console_domain_flush(&ann);
    assert_int_equal(shown, 2 * (CONSOLE_LINE + strlen("[ann] \n")));
    assert_memory_equal(terminal + CONSOLE_LINE + 6, "\n[ann] x", 8);
}

static void messages_are_printable(void **state)
{
    (void)state;
    log_line("bad \033[2J%s", "\n");
    assert_string_equal(terminal, "(lamina) bad ?[2J?\n");
}

/* --- how much at once --- */

static void newlines_do_not_hold_the_cpu(void **state)
{
    char text[1000];

    (void)state;
    memset(text, '\n', sizeof(text));
    assert_int_equal(write_as(&ann_vcpu, text, sizeof(text)), 0);
    assert_int_equal(shown, 1000 * strlen("[ann] \n"));
    assert_in_range(longest, 1, LINE_MAX);
    clear();
    console_set_prefix(false);
    assert_int_equal(write_as(&ann_vcpu, text, sizeof(text)), 0);
    assert_in_range(longest, 1, LINE_MAX);
}

static void full_lines_do_not_hold_the_cpu(void **state)
{
    static char text[100 * CONSOLE_LINE];

    (void)state;
    memset(text, 'x', sizeof(text));
    strcpy(ann.name, "a-name-of-thirty-one-letters-is-");
    ann.name[DOMAIN_NAME_MAX - 1] = '\0';
    assert_int_equal(write_as(&ann_vcpu, text, sizeof(text)), 0);
    assert_in_range(longest, CONSOLE_LINE, LINE_MAX);
}

static void stop(void)
{
    running->work |= WORK_STOP;
}

static void a_stopped_domain_stops_writing(void **state)
{
    static char text[100000];

    (void)state;
    memset(text, '\n', sizeof(text));
    others = stop;
    assert_int_equal(write_as(&ann_vcpu, text, sizeof(text)), 0);
    assert_in_range(shown, 1, 200 * strlen("[ann] \n"));
}

/* --- the ring --- */

static void fill_ring(uint32_t cons, uint32_t prod, char c)
{
    memset(ring.out, c, sizeof(ring.out));
    ring.out_cons = cons;
    ring.out_prod = prod;
}

static void ring_output(void **state)
{
    (void)state;
    memcpy(ring.out, "lo\n", 3);
    memcpy(ring.out + sizeof(ring.out) - 3, "hel", 3);
    ring.out_cons = (uint32_t)-3;
    ring.out_prod = 3;
    console_ring_event(&ann);
    assert_string_equal(terminal, "[ann] hello\n");
    assert_int_equal(ring.out_cons, 3);
    assert_int_equal(notified, 1);
    console_ring_event(&ann);
    assert_string_equal(terminal, "[ann] hello\n");
    console_ring_event(&bob); /* has none */
}

static void ring_of_newlines(void **state)
{
    (void)state;
    fill_ring(100, 100 + sizeof(ring.out), '\n');
    console_ring_event(&ann);
    assert_int_equal(shown, sizeof(ring.out) * strlen("[ann] \n"));
    assert_int_equal(ring.out_cons, ring.out_prod);
    assert_in_range(longest, 1, LINE_MAX);
}

/* No more than one ring full for one event, whatever they say. */
static void ring_indices_are_hostile(void **state)
{
    static const uint32_t distance[] = {sizeof(ring.out) + 1, 1u << 31, UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(distance); i++) {
        clear();
        fill_ring(77, 77 + distance[i], '\n');
        console_ring_event(&ann);
        assert_in_range(shown, 1, sizeof(ring.out) * strlen("[ann] \n"));
        assert_in_range(longest, 1, LINE_MAX);
    }
}

static void add_output(void)
{
    memset(ring.out, '\n', sizeof(ring.out));
    ring.out_prod = ring.out_cons + sizeof(ring.out);
}

/* Another vCPU fills it all the time. */
static void an_endless_ring_ends(void **state)
{
    (void)state;
    add_output();
    others = add_output;
    console_ring_event(&ann);
    assert_in_range(shown, 1, sizeof(ring.out) * strlen("[ann] \n"));
}

/* Another vCPU rings as well, while the first one lets others in: nothing comes twice. */
static void ring_again(void)
{
    others = NULL;
    console_ring_event(&ann);
    others = ring_again;
}

static void two_ring_at_once(void **state)
{
    (void)state;
    fill_ring(5, 5 + 500, 'x');
    others = ring_again;
    console_ring_event(&ann);
    console_domain_flush(&ann);
    assert_int_equal(shown, 500 + 2 * strlen("[ann] \n"));
    assert_int_equal(ring.out_cons, 505);
}

/* --- messages about a domain --- */

static unsigned lines_with(const char *what)
{
    unsigned n = 0;

    for (const char *at = terminal; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static void messages_are_limited(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        guest_log(&ann, "message %u", i);
    assert_int_equal(lines_with("(lamina) ann: message"), 20);
    guest_log(&bob, "another domain");
    assert_int_equal(lines_with("(lamina) bob: another domain\n"), 1);
    log_line("the hypervisor");
    assert_int_equal(lines_with("(lamina) the hypervisor\n"), 1);
    clear();
    now += 1000000001;
    guest_log(&ann, "later");
    assert_int_equal(lines_with("ann: 30 more messages were suppressed\n"), 1);
    assert_int_equal(lines_with("ann: later\n"), 1);
    clear();
    now += 1000000001;
    guest_log(&ann, "later");
    assert_string_equal(terminal, "(lamina) ann: later\n");
}

/* A domain that ends has said it all: then the count is shown at the latest. */
static void suppressed_messages_are_counted_at_the_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 23; i++)
        guest_log(&ann, "message %u", i);
    clear();
    console_domain_flush(&ann);
    assert_string_equal(terminal, "(lamina) ann: 3 more messages were suppressed\n");
    console_domain_flush(&ann);
    assert_string_equal(terminal, "(lamina) ann: 3 more messages were suppressed\n");
}

/* --- input --- */

static void type(const char *text)
{
    for (; *text; text++)
        console_input(*text);
}

static void input_goes_to_the_ring(void **state)
{
    (void)state;
    type("lost");
    console_replace_focus(NULL, &ann);
    type("abc");
    assert_memory_equal(ring.in, "abc", 4);
    assert_int_equal(ring.in_prod, 3);
    assert_int_equal(notified, 3);
    assert_int_equal(virqs, 0);
}

static void a_full_ring_gets_the_rest_later(void **state)
{
    (void)state;
    console_replace_focus(NULL, &ann);
    ring.in_prod = 5000;
    ring.in_cons = 5000 - sizeof(ring.in);
    type("ab");
    assert_int_equal(ring.in_prod, 5000);
    assert_int_equal(notified, 0);
    ring.in_cons++;
    console_ring_event(&ann);
    assert_int_equal(ring.in_prod, 5001);
    assert_int_equal(ring.in[5000 % sizeof(ring.in)], 'a');
    ring.in_cons = 5001 + 1; /* beyond what was produced: as if full */
    console_ring_event(&ann);
    assert_int_equal(ring.in_prod, 5001);
}

static void input_by_hypercall(void **state)
{
    char text[8] = "", all[2 * CONSOLE_INPUT] = "";

    (void)state;
    ann.privileges |= PRIV_CONSOLE_READ;
    console_replace_focus(NULL, &ann);
    type("abcdef");
    assert_int_equal(virqs, 6);
    assert_int_equal(do_console_io(CONSOLEIO_read, 4, guest_ptr((uintptr_t)text)), 4);
    assert_int_equal(do_console_io(CONSOLEIO_read, UINT32_MAX, guest_ptr((uintptr_t)text + 4)), 2);
    assert_string_equal(text, "abcdef");
    for (unsigned i = 0; i < 2 * CONSOLE_INPUT; i++)
        console_input(i < CONSOLE_INPUT ? 'x' : 'y');
    /* What there is no room for is lost. */
    assert_int_equal(do_console_io(CONSOLEIO_read, 2 * CONSOLE_INPUT, guest_ptr((uintptr_t)all)),
                     CONSOLE_INPUT);
    assert_int_equal(strspn(all, "x"), CONSOLE_INPUT);
    type("x");
    assert_int_equal(do_console_io(CONSOLEIO_read, 8, guest_ptr(0)), -XEN_EFAULT);
}

static void focus_moves(void **state)
{
    (void)state;
    console_replace_focus(&bob, &ann); /* it is nobody's */
    type("a");
    assert_int_equal(ring.in_prod, 0);
    console_replace_focus(NULL, &bob);
    console_replace_focus(&ann, NULL);
    type("b"); /* bob has no ring and no privilege: it waits */
    console_replace_focus(&bob, &ann);
    type("c");
    assert_memory_equal(ring.in, "bc", 3);
}

/* --- errors --- */

static void console_io_errors(void **state)
{
    char text[] = "text";

    (void)state;
    assert_int_equal(do_console_io(7, 1, guest_ptr((uintptr_t)text)), -XEN_ENOSYS);
    assert_int_equal(do_console_io(CONSOLEIO_read, 1, guest_ptr((uintptr_t)text)), -XEN_EPERM);
    assert_int_equal(do_console_io(CONSOLEIO_write, 4, guest_ptr(0)), -XEN_EFAULT);
    assert_int_equal(do_console_io(CONSOLEIO_write, 0, guest_ptr(0)), 0);
    ann.privileges = 0;
    assert_int_equal(do_console_io(CONSOLEIO_write, 4, guest_ptr((uintptr_t)text)), -XEN_EPERM);
    assert_int_equal(shown, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_say_whose_they_are),
        TEST(a_single_domain_writes_as_it_likes),
        TEST(long_lines_are_cut),
        TEST(messages_are_printable),
        TEST(newlines_do_not_hold_the_cpu),
        TEST(full_lines_do_not_hold_the_cpu),
        TEST(a_stopped_domain_stops_writing),
        TEST(ring_output),
        TEST(ring_of_newlines),
        TEST(ring_indices_are_hostile),
        TEST(an_endless_ring_ends),
        TEST(two_ring_at_once),
        TEST(messages_are_limited),
        TEST(suppressed_messages_are_counted_at_the_end),
        TEST(input_goes_to_the_ring),
        TEST(a_full_ring_gets_the_rest_later),
        TEST(input_by_hypercall),
        TEST(focus_moves),
        TEST(console_io_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
