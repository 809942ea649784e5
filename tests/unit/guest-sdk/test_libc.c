/* The SDK's formatting and string functions give what the host's give. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

int sdk_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int sdk_snprintf(char *buf, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void *sdk_memmove(void *dst, const void *src, size_t n);
void *sdk_memchr(const void *s, int c, size_t n);
int sdk_memcmp(const void *a, const void *b, size_t n);
int sdk_strcmp(const char *a, const char *b);
int sdk_strncmp(const char *a, const char *b, size_t n);
char *sdk_strrchr(const char *s, int c);
char *sdk_strstr(const char *s, const char *part);
unsigned long sdk_strtoul(const char *s, char **end, int base);
void lm_console_write(const char *text, size_t length);

static char console[4096];
static size_t console_used;

void lm_console_write(const char *text, size_t length)
{
    memcpy(console + console_used, text, length);
    console_used += length;
}

#define CHECK(...)                                                    \
    do {                                                              \
        char want[200], got[200];                                     \
        int want_length = snprintf(want, sizeof(want), __VA_ARGS__);  \
        int got_length = sdk_snprintf(got, sizeof(got), __VA_ARGS__); \
        assert_string_equal(got, want);                               \
        assert_int_equal(got_length, want_length);                    \
    } while (0)

static void formats_like_the_host(void **state)
{
    (void)state;
    CHECK("plain, 100%%");
    CHECK("%d %i %d %d", 0, -1, INT_MAX, INT_MIN);
    CHECK("%ld %lld %zd %td", LONG_MIN, LLONG_MAX, (ssize_t)-5, (ptrdiff_t)7);
    CHECK("%hhd %hd %hhu %hu", (signed char)-1, (short)-300, (unsigned char)200,
          (unsigned short)65535);
    CHECK("%u %lu %x %X %#x %#lx", 4000000000u, ULONG_MAX, 0xbeefu, 0xbeefu, 255u, 1ul << 63);
    CHECK("[%5d] [%-5d] [%05d] [%+d] [% d] [%.3d] [%8.3d] [%08x] [%-8x]", 42, 42, -42, 42, 42, 7, 7,
          0xabcu, 0xabcu);
    CHECK("[%s] [%10s] [%-10s] [%.2s] [%10.2s] [%*s] [%-*s] [%.*s]", "text", "text", "text", "text",
          "text", 8, "x", 8, "x", 3, "abcdef");
    CHECK("[%c] [%3c] [%-3c]", 'a', 'b', 'c');
    CHECK("%p %p", (void *)console, (void *)0x1000);
    CHECK("[%*d] [%016lx]", -6, 12, 0xfffful);
}

static void cuts_at_the_buffer(void **state)
{
    char got[8] = "xxxxxxx";

    (void)state;
    assert_int_equal(sdk_snprintf(got, 5, "%s", "abcdefghij"), 10);
    assert_string_equal(got, "abcd");
    assert_int_equal(got[5], 'x');
    assert_int_equal(sdk_snprintf(got, 1, "abc"), 3);
    assert_string_equal(got, "");
    assert_int_equal(sdk_snprintf(NULL, 0, "%d", 12345), 5);
}

static void prints_in_pieces(void **state)
{
    char want[1200];

    (void)state;
    snprintf(want, sizeof(want), "%0999d|%s\n", 5, "end");
    assert_int_equal(sdk_printf("%0999d|%s\n", 5, "end"), (int)strlen(want));
    assert_int_equal(console_used, strlen(want));
    assert_memory_equal(console, want, console_used);
}

static void strings(void **state)
{
    char text[] = "0123456789";
    char *end;

    (void)state;
    sdk_memmove(text + 2, text, 6);
    assert_string_equal(text, "0101234589");
    sdk_memmove(text, text + 4, 6);
    assert_string_equal(text, "2345894589");
    assert_ptr_equal(sdk_memchr(text, 'z', 4), NULL);
    assert_true(sdk_memcmp("a\xff", "a\x01", 2) > 0);
    assert_true(sdk_strcmp("abc", "abd") < 0 && sdk_strcmp("\xff", "a") > 0);
    assert_int_equal(sdk_strncmp("abcx", "abcy", 3), 0);
    assert_string_equal(sdk_strrchr("a/b/c", '/'), "/c");
    assert_ptr_equal(sdk_strrchr("abc", '/'), NULL);
    assert_string_equal(sdk_strstr("rounds=5", "="), "=5");
    assert_ptr_equal(sdk_strstr("rounds", "x"), NULL);
    assert_int_equal(sdk_strtoul("0x1Fz", &end, 0), 0x1f);
    assert_string_equal(end, "z");
    assert_int_equal(sdk_strtoul("755", NULL, 8), 0755);
    assert_int_equal(sdk_strtoul("010", NULL, 0), 8);
    assert_int_equal(sdk_strtoul("x", &end, 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_like_the_host),
        cmocka_unit_test(cuts_at_the_buffer),
        cmocka_unit_test(prints_in_pieces),
        cmocka_unit_test(strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
