#include "lib/format.h"

struct out {
    char *buf;
    size_t size, length;
};

static void put(struct out *o, char c)
{
    if (o->length + 1 < o->size)
        o->buf[o->length] = c;
    o->length++;
}

static void put_text(struct out *o, const char *text, size_t max)
{
    for (; max && *text; max--)
        put(o, *text++);
}

static void put_number(struct out *o, uint64_t value, unsigned base, size_t width, char fill)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (; width > n; width--)
        put(o, fill);
    while (n)
        put(o, digits[--n]);
}

/* Puts one argument as the format behind its percent sign says; returns the format's end. */
static const char *put_argument(struct out *o, const char *f, va_list *args)
{
    const bool prefix = *f == '#';
    const char fill = f[prefix] == '0' ? '0' : ' ';
    size_t width = 0, max = SIZE_MAX;
    bool wide;

    f += prefix;
    for (; *f >= '0' && *f <= '9'; f++)
        width = width * 10 + (size_t)(*f - '0');
    if (f[0] == '.' && f[1] == '*') {
        max = va_arg(*args, unsigned);
        f += 2;
    }
    wide = *f == 'l' || *f == 'z';
    f += wide;
    switch (*f) {
    case 's':
        put_text(o, va_arg(*args, const char *), max);
        break;
    case 'u':
    case 'x':
        put_text(o, prefix ? "0x" : "", max);
        put_number(o, wide ? va_arg(*args, uint64_t) : va_arg(*args, unsigned), *f == 'x' ? 16 : 10,
                   width, fill);
        break;
    default:
        put(o, *f);
    }
    return f + 1;
}

size_t vformat(char *buf, size_t size, const char *fmt, va_list args_in)
{
    struct out o = {buf, size, 0};
    va_list args;

    va_copy(args, args_in);
    while (*fmt) {
        if (*fmt == '%')
            fmt = put_argument(&o, fmt + 1, &args);
        else
            put(&o, *fmt++);
    }
    va_end(args);
    if (size)
        buf[MIN(o.length, size - 1)] = '\0';
    return o.length;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    const size_t length = vformat(buf, size, fmt, args);

    va_end(args);
    return length;
}
