/* The battery clock: dates in all its formats, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <cmocka.h>

#include "cpu/insn.h"
#include "cpu/clock.h"

static uint8_t ram[128], selected;
static unsigned changes; /* reads of the seconds that show another one each time */

uint8_t inb(uint16_t port)
{
    assert_int_equal(port, 0x71);
    if (selected == 0 && changes) {
        changes--;
        ram[0] ^= 1;
    }
    return ram[selected];
}

void outb(uint16_t port, uint8_t value)
{
    assert_int_equal(port, 0x70);
    selected = value & 0x7f;
}

static void show(unsigned year, unsigned month, unsigned day, unsigned hour, unsigned minute,
                 unsigned second, uint8_t status)
{
    const unsigned t[6] = {second, minute, hour, day, month, year % 100};
    static const uint8_t reg[6] = {0, 2, 4, 7, 8, 9};

    for (unsigned i = 0; i < 6; i++) {
        unsigned n = t[i];
        bool pm = false;

        if (i == 2 && !(status & 2)) {
            pm = n >= 12;
            n = n % 12 ? n % 12 : 12;
        }
        ram[reg[i]] = (uint8_t)((status & 4 ? n : n / 10 << 4 | n % 10) | (pm ? 0x80u : 0));
    }
    ram[0xb] = status;
}

static void agrees_with_the_library(void **state)
{
    (void)state;
    for (time_t t = 946684800; t < 4102444800; t += 86399 * 5 + 3601) {
        struct tm tm;

        gmtime_r(&t, &tm);
        for (uint8_t status = 0; status < 8; status += 2) {
            show((unsigned)tm.tm_year + 1900, (unsigned)tm.tm_mon + 1, (unsigned)tm.tm_mday,
                 (unsigned)tm.tm_hour, (unsigned)tm.tm_min, (unsigned)tm.tm_sec, status);
            assert_int_equal(rtc_read(), t);
        }
    }
    show(2099, 12, 31, 23, 59, 59, 2);
    assert_int_equal(rtc_read(), 4102444799);
}

static void waits_for_an_update(void **state)
{
    (void)state;
    show(2000, 1, 1, 0, 0, 0, 2);
    changes = 99;
    assert_int_equal(rtc_read(), 946684800 + 1);
    changes = 1u << 30; /* never the same twice: it gives up */
    assert_int_equal(rtc_read(), 0);
    assert_true(changes > (1u << 30) - 10000);
    changes = 0;
}

static void refused(unsigned reg, uint8_t value, uint8_t status)
{
    show(2024, 2, 29, 12, 30, 30, status);
    assert_int_not_equal(rtc_read(), 0);
    ram[reg] = value;
    assert_int_equal(rtc_read(), 0);
}

static void what_is_no_date(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 128; i++)
        ram[i] = 0xff; /* no clock at all */
    assert_int_equal(rtc_read(), 0);
    for (unsigned i = 0; i < 128; i++)
        ram[i] = 0; /* an empty battery */
    assert_int_equal(rtc_read(), 0);
    refused(8, 0, 2);
    refused(8, 0x13, 2);
    refused(8, 13, 6);
    refused(7, 0, 2);
    refused(7, 0x32, 2);
    refused(4, 0x24, 2);
    refused(4, 0xff, 6);
    refused(2, 0x60, 2);
    refused(0, 60, 6);
    refused(0, 0x0a, 2);
    refused(9, 0x9a, 2);
    refused(9, 0xa0, 2);
    refused(9, 100, 6);
}

/* Whatever it shows, the result is 0 or a time of the century. */
static void any_value_is_bounded(void **state)
{
    (void)state;
    for (unsigned status = 0; status < 8; status += 2)
        for (unsigned reg = 0; reg <= 9; reg++)
            for (unsigned value = 0; value < 256; value++) {
                show(2024, 2, 29, 12, 30, 30, (uint8_t)status);
                ram[reg] = (uint8_t)value;
                if (rtc_read())
                    assert_in_range(rtc_read(), 946684800, 4102444799 + 2 * 86400);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_library),
        cmocka_unit_test(waits_for_an_update),
        cmocka_unit_test(what_is_no_date),
        cmocka_unit_test(any_value_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
