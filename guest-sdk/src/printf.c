#include <stdbool.h>
#include <stdint.h>
#include <lamina/console.h>
#include <lamina/printf.h>
#include <lamina/string.h>

/* Where characters go: to `flush` whenever the buffer is full, or, without it, nowhere then. */
struct sink {
    char *buf;
    size_t size, used, total;
    void (*flush)(const char *text, size_t length);
};

struct spec {
    bool left, zero, alt, plus, space, upper;
    int width, precision; /* precision < 0: none */
};

static void put(struct sink *s, char c)
{
    s->total++;
    if (s->used == s->size) {
        if (!s->flush)
            return;
        s->flush(s->buf, s->used);
        s->used = 0;
    }
    s->buf[s->used++] = c;
}

static void put_many(struct sink *s, char c, int n)
{
    for (; n > 0; n--)
        put(s, c);
}

static void put_text(struct sink *s, const struct spec *spec, const char *text)
{
    int length = (int)strnlen(text, spec->precision < 0 ? SIZE_MAX : (size_t)spec->precision);

    if (!spec->left)
        put_many(s, ' ', spec->width - length);
    for (int i = 0; i < length; i++)
        put(s, text[i]);
    if (spec->left)
        put_many(s, ' ', spec->width - length);
}

static void put_number(struct sink *s, const struct spec *spec, uint64_t value, unsigned base,
                       const char *sign)
{
    const char *digits = spec->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    int length = 0, zeros, pad;

    do {
        text[length++] = digits[value % base];
        value /= base;
    } while (value);

    zeros = spec->precision > length ? spec->precision - length : 0;
    pad = spec->width - (int)strlen(sign) - zeros - length;
    if (spec->zero && !spec->left && spec->precision < 0 && pad > 0) {
        zeros += pad;
        pad = 0;
    }
    if (!spec->left)
        put_many(s, ' ', pad);
    while (*sign)
        put(s, *sign++);
    put_many(s, '0', zeros);
    while (length > 0)
        put(s, text[--length]);
    if (spec->left)
        put_many(s, ' ', pad);
}

static const char *parse_flags(struct spec *spec, const char *fmt)
{
    for (;; fmt++) {
        if (*fmt == '-')
            spec->left = true;
        else if (*fmt == '0')
            spec->zero = true;
        else if (*fmt == '#')
            spec->alt = true;
        else if (*fmt == '+')
            spec->plus = true;
        else if (*fmt == ' ')
            spec->space = true;
        else
            return fmt;
    }
}

static const char *parse_count(int *count, const char *fmt, int star)
{
    if (*fmt == '*') {
        *count = star;
        return fmt + 1;
    }
    for (*count = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
        *count = *count * 10 + (*fmt - '0');
    return fmt;
}

/* Bytes of the integer argument that a length modifier announces. */
static const char *parse_length(int *bytes, const char *fmt)
{
    *bytes = sizeof(int);
    for (;; fmt++) {
        if (*fmt == 'h')
            *bytes /= 2;
        else if (*fmt == 'l' || *fmt == 'z' || *fmt == 't' || *fmt == 'j')
            *bytes = 8;
        else
            return fmt;
    }
}

static int64_t sign_extend(uint64_t value, int bytes)
{
    int unused = 64 - bytes * 8;

    return (int64_t)(value << unused) >> unused;
}

static void put_signed(struct sink *s, const struct spec *spec, uint64_t raw, int bytes)
{
    int64_t value = sign_extend(raw, bytes);

    if (value < 0)
        put_number(s, spec, -(uint64_t)value, 10, "-");
    else
        put_number(s, spec, value, 10, spec->plus ? "+" : spec->space ? " " : "");
}

static void put_unsigned(struct sink *s, struct spec *spec, uint64_t raw, int bytes, char kind)
{
    uint64_t value = bytes == 8 ? raw : raw & ((1ul << bytes * 8) - 1);

    spec->upper = kind == 'X';
    if (kind == 'u')
        put_number(s, spec, value, 10, "");
    else
        put_number(s, spec, value, 16, spec->alt && value ? "0x" : "");
}

static void format(struct sink *s, const char *fmt, va_list args)
{
    for (; *fmt; fmt++) {
        struct spec spec = {.precision = -1};
        int bytes;

        if (*fmt != '%') {
            put(s, *fmt);
            continue;
        }
        fmt = parse_flags(&spec, fmt + 1);
        fmt = parse_count(&spec.width, fmt, *fmt == '*' ? va_arg(args, int) : 0);
        if (spec.width < 0) {
            spec.left = true;
            spec.width = -spec.width;
        }
        if (*fmt == '.')
            fmt = parse_count(&spec.precision, fmt + 1, fmt[1] == '*' ? va_arg(args, int) : 0);
        fmt = parse_length(&bytes, fmt);

        switch (*fmt) {
        case 'd':
        case 'i':
            put_signed(s, &spec, bytes == 8 ? va_arg(args, uint64_t) : va_arg(args, unsigned),
                       bytes);
            break;
        case 'u':
        case 'x':
        case 'X':
            put_unsigned(s, &spec, bytes == 8 ? va_arg(args, uint64_t) : va_arg(args, unsigned),
                         bytes, *fmt);
            break;
        case 'p':
            spec.alt = true;
            put_unsigned(s, &spec, va_arg(args, uint64_t), 8, 'x');
            break;
        case 's':
            put_text(s, &spec, va_arg(args, const char *));
            break;
        case 'c':
            put_text(s, &spec, (char[2]){(char)va_arg(args, int)});
            break;
        case '\0':
            return;
        default: /* %% as well */
            put(s, *fmt);
        }
    }
}

int vprintf(const char *fmt, va_list args)
{
    char buf[256];
    struct sink s = {.buf = buf, .size = sizeof(buf), .flush = lm_console_write};

    format(&s, fmt, args);
    if (s.used > 0)
        lm_console_write(buf, s.used);
    return (int)s.total;
}

int printf(const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vprintf(fmt, args);
    va_end(args);
    return n;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    struct sink s = {.buf = buf, .size = size > 0 ? size - 1 : 0};

    format(&s, fmt, args);
    if (size > 0)
        buf[s.used] = '\0';
    return (int)s.total;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(buf, size, fmt, args);
    va_end(args);
    return n;
}
