#include "lib/format.h"
#include "lib/string.h"

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

static void pad(struct out *o, char c, int count)
{
    while (count-- > 0)
        put(o, c);
}

struct spec {
    int width, precision; /* precision -1: none */
    bool zero, left, alt, negative;
};

static void put_text(struct out *o, const struct spec *s, const char *text)
{
    size_t n = s->precision >= 0 ? strnlen(text, s->precision) : strlen(text);
    int fill = s->width - (int)n;

    if (!s->left)
        pad(o, ' ', fill);
    for (size_t i = 0; i < n; i++)
        put(o, text[i]);
    if (s->left)
        pad(o, ' ', fill);
}

static void put_number(struct out *o, const struct spec *s, uint64_t value, unsigned base)
{
    char digits[20];
    int n = 0;
    int prefix = s->alt && base == 16 ? 2 : s->negative ? 1 : 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);

    int fill = s->width - n - prefix;

    if (!s->left && !s->zero)
        pad(o, ' ', fill);
    if (s->negative)
        put(o, '-');
    if (prefix == 2) {
        put(o, '0');
        put(o, 'x');
    }
    if (!s->left && s->zero)
        pad(o, '0', fill);
    while (n)
        put(o, digits[--n]);
    if (s->left)
        pad(o, ' ', fill);
}

static uint64_t unsigned_arg(va_list *args, int longs)
{
    return longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int);
}

static int64_t signed_arg(va_list *args, int longs)
{
    return longs ? va_arg(*args, long) : va_arg(*args, int);
}

static const char *parse_spec(const char *f, struct spec *s, int *longs, va_list *args)
{
    *s = (struct spec){.precision = -1};
    *longs = 0;
    for (;; f++) {
        if (*f == '0')
            s->zero = true;
        else if (*f == '-')
            s->left = true;
        else if (*f == '#')
            s->alt = true;
        else
            break;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        s->width = s->width * 10 + (*f - '0');
    if (f[0] == '.' && f[1] == '*') {
        s->precision = va_arg(*args, int);
        f += 2;
    } else if (*f == '.') {
        for (f++, s->precision = 0; *f >= '0' && *f <= '9'; f++)
            s->precision = s->precision * 10 + (*f - '0');
    }
    for (; *f == 'l' || *f == 'z'; f++)
        ++*longs;
    return f;
}

int vformat(char *buf, size_t size, const char *fmt, va_list args_in)
{
    struct out o = {buf, size, 0};
    va_list args;

    va_copy(args, args_in);
    for (; *fmt; fmt++) {
        struct spec s;
        int longs;

        if (*fmt != '%') {
            put(&o, *fmt);
            continue;
        }
        fmt = parse_spec(fmt + 1, &s, &longs, &args);
        switch (*fmt) {
        case 'd':
        case 'i': {
            int64_t v = signed_arg(&args, longs);

            s.negative = v < 0;
            put_number(&o, &s, v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
            break;
        }
        case 'u':
            put_number(&o, &s, unsigned_arg(&args, longs), 10);
            break;
        case 'x':
            put_number(&o, &s, unsigned_arg(&args, longs), 16);
            break;
        case 'p':
            s.alt = true;
            put_number(&o, &s, (uint64_t)va_arg(args, void *), 16);
            break;
        case 'c':
            put(&o, (char)va_arg(args, int));
            break;
        case 's':
            put_text(&o, &s, va_arg(args, const char *));
            break;
        case '\0':
            fmt--;
            break;
        default:
            put(&o, *fmt);
        }
    }
    va_end(args);
    if (size)
        buf[MIN(o.length, size - 1)] = '\0';
    return (int)o.length;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vformat(buf, size, fmt, args);
    va_end(args);
    return n;
}
