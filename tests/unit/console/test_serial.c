/* The serial driver must not wait for ever, nor for long again and again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/arch.h"
#include "core/console.h"
#include "cpu/insn.h"
#include "cpu/traps.h"

#define COM1   0x3f8
#define STATUS (COM1 + 5)

static uint8_t status;
static unsigned polls, ready_after, typed;
static char sent[64];
static unsigned nr_sent;

uint8_t inb(uint16_t port)
{
    if (port == COM1)
        return (uint8_t)('a' + typed++ % 26);
    assert_int_equal(port, STATUS);
    polls++;
    return ready_after && polls % ready_after == 0 ? status | 0x20 : status;
}

void outb(uint16_t port, uint8_t value)
{
    if (port == COM1)
        sent[nr_sent++ % sizeof(sent)] = (char)value;
}

void pic_open_com1(void)
{
}

static unsigned taken;

void console_input(char c)
{
    assert_int_equal(c, 'a' + taken % 26);
    taken++;
}

static int begin(void **state)
{
    (void)state;
    polls = typed = taken = nr_sent = 0;
    status = 0x20;
    ready_after = 0;
    memset(sent, 0, sizeof(sent));
    arch_console_write("x", 1); /* it works: what an earlier test did to it is over */
    polls = nr_sent = 0;
    return 0;
}

static void text_is_sent(void **state)
{
    (void)state;
    arch_console_write("a\nb", 3);
    assert_memory_equal(sent, "a\r\nb", 5);
    assert_int_equal(polls, 4);
}

static void a_slow_line_is_waited_for(void **state)
{
    (void)state;
    status = 0;
    ready_after = 1000;
    arch_console_write("abcd", 4);
    assert_int_equal(polls, 4000);
}

static void a_dead_line_is_waited_for_once(void **state)
{
    unsigned once;

    (void)state;
    status = 0;
    arch_console_write("a", 1);
    once = polls;
    assert_in_range(once, 10000, 1000000);
    for (unsigned i = 0; i < 1000; i++)
        arch_console_write("b", 1);
    assert_in_range(polls, once, once + 1000);
    /* When it works again, it is waited for again. */
    status = 0x20;
    arch_console_write("c", 1);
    status = 0;
    polls = 0;
    ready_after = 1000;
    arch_console_write("d", 1);
    assert_int_equal(polls, 1000);
}

static void input_comes_in_bounded_pieces(void **state)
{
    (void)state;
    status = 0x01;
    console_interrupt();
    assert_in_range(taken, 1, 1000);
    status = 0;
    taken = 0;
    console_interrupt();
    assert_int_equal(taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(text_is_sent, begin),
        cmocka_unit_test_setup(a_slow_line_is_waited_for, begin),
        cmocka_unit_test_setup(a_dead_line_is_waited_for_once, begin),
        cmocka_unit_test_setup(input_comes_in_bounded_pieces, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
