#include <libfdt.h>

#include "core/tree.h"
#include "core/log.h"
#include "lib/format.h"
#include "lib/string.h"

#define VALUE_SIZE 64
#define MAX_ERRORS 4 /* lines that one node can cost */

uint32_t tree_cell(struct tree_bytes v, size_t index)
{
    return fdt32_ld((const fdt32_t *)(const void *)(v.data + 4 * index));
}

bool tree_is_strings(struct tree_bytes v)
{
    return v.size > 0 && v.data[v.size - 1] == 0;
}

static bool is_string(struct tree_bytes v)
{
    return v.size > 0 && strnlen(v.data, v.size) == v.size - 1;
}

/* --- messages --- */

/* Strings as people write them: printable, each at least one character long. */
static bool looks_like_strings(struct tree_bytes v)
{
    if (!tree_is_strings(v))
        return false;
    for (size_t i = 0; i < v.size; i++) {
        if (v.data[i] ? v.data[i] < ' ' || v.data[i] > '~' : i == 0 || v.data[i - 1] == 0)
            return false;
    }
    return true;
}

/* As the tree's source would have it; long ones only in part. */
static void show_value(char *out, struct tree_bytes v)
{
    const bool strings = looks_like_strings(v), cells = !strings && v.size % 4 == 0;
    const char *const end = out + VALUE_SIZE;

    for (size_t at = 0; at < v.size;) {
        const char *s = v.data + at;

        out += format(out, end - out, "%s", at ? strings ? ", " : " " : cells ? "<" : "");
        if (end - out < 20) {
            out += format(out, end - out, "...");
            break;
        }
        if (strings) {
            const size_t room = end - out - 10;

            out +=
                format(out, end - out, "\"%.*s%s\"", (int)room, s, strlen(s) > room ? "..." : "");
            at += strlen(s) + 1;
        } else if (cells) {
            out += format(out, end - out, "%u", tree_cell(v, at / 4));
            at += 4;
        } else {
            out += format(out, end - out, "%02x", (uint8_t)v.data[at++]);
        }
    }
    format(out, end - out, "%s",
           v.size == 0 ? "(no value)"
           : cells     ? ">"
           : strings   ? ""
                       : " (bytes)");
}

/* That the property has this value, or that it is missing (v.data is NULL). */
static void refuse(struct tree_node *node, const char *name, struct tree_bytes v,
                   const char *expected)
{
    char value[VALUE_SIZE];

    node->errors++;
    if (!v.data) {
        log_line("%s: %s is missing: expected %s", node->path, name, expected);
        return;
    }
    show_value(value, v);
    log_line("%s: %s = %s: expected %s", node->path, name, value, expected);
}

/* Whether the names differ in one place only, by at most two letters: as typing errors do. */
static bool resembles(const char *a, const char *b)
{
    const size_t length_a = strlen(a), length_b = strlen(b), shorter = MIN(length_a, length_b);
    size_t head = 0, tail = 0;

    while (head < shorter && a[head] == b[head])
        head++;
    while (tail < shorter - head && a[length_a - 1 - tail] == b[length_b - 1 - tail])
        tail++;
    return head + tail + 2 >= MAX(length_a, length_b);
}

static void refuse_unknown(struct tree_node *node, const char *name,
                           const struct tree_property *table)
{
    const struct tree_property *p;

    node->errors++;
    for (p = table; p->name && !resembles(name, p->name); p++)
        ;
    if (p->name)
        log_line("%s: %.31s: unknown property: did you mean %s?", node->path, name, p->name);
    else
        log_line("%s: %.31s: unknown property: docs/system-tree.md has the known ones", node->path,
                 name);
}

/* --- nodes --- */

struct tree_node tree_node(const void *fdt, int offset, const char *parent_path)
{
    struct tree_node node = {.fdt = fdt, .offset = offset};

    format(node.path, sizeof(node.path), "%s%s", parent_path, fdt_get_name(fdt, offset, NULL));
    return node;
}

void tree_refuse_compatible(struct tree_node *node, const char *expected)
{
    int size;
    const char *data = fdt_getprop(node->fdt, node->offset, "compatible", &size);

    refuse(node, "compatible", (struct tree_bytes){data, (size_t)size}, expected);
}

static void read_property(struct tree_node *node, int at, const struct tree_property *table,
                          uint32_t *seen, void *out)
{
    const struct tree_property *p;
    const char *name, *expected = NULL;
    int size;
    const char *data = fdt_getprop_by_offset(node->fdt, at, &name, &size);
    const struct tree_bytes v = {data, (size_t)size};
    uint32_t bit;

    if (strcmp(name, "phandle") == 0) /* dtc's own, in any node that something refers to */
        return;
    for (p = table; p->name && strcmp(name, p->name) != 0; p++)
        ;
    if (!p->name) {
        refuse_unknown(node, name, table);
        return;
    }
    bit = 1u << (p - table);
    if (*seen & bit)
        expected = "it only once";
    else if (p->parse)
        expected = p->parse(p, v, out);
    if (expected)
        refuse(node, name, v, expected);
    *seen |= bit;
}

bool tree_read(struct tree_node *node, const struct tree_property *table, void *out)
{
    uint32_t seen = 0;
    int at;

    fdt_for_each_property_offset(at, node->fdt, node->offset)
    {
        if (node->errors >= MAX_ERRORS)
            return false;
        read_property(node, at, table, &seen, out);
    }
    for (const struct tree_property *p = table; p->name && node->errors < MAX_ERRORS; p++)
        if (p->required && !(seen & (1u << (p - table))))
            refuse(node, p->name, (struct tree_bytes){0}, p->expected);
    return node->errors == 0;
}

bool tree_expect_leaf(struct tree_node *node)
{
    const int child = fdt_first_subnode(node->fdt, node->offset);

    if (child < 0)
        return true;
    log_line("%s: has a node %.31s: expected none", node->path,
             fdt_get_name(node->fdt, child, NULL));
    node->errors++;
    return false;
}

/* Names come to consoles and to other guests, so they keep to plain characters. */
bool tree_read_named(const void *fdt, int offset, const char *parent_path, char *name,
                     const struct tree_property *table, void *out)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-";
    struct tree_node node = tree_node(fdt, offset, parent_path);
    int length, good = 0;
    const char *own = fdt_get_name(fdt, offset, &length);

    while (good < length && memchr(plain, own[good], sizeof(plain) - 1))
        good++;
    if (length >= 1 && length <= TREE_NAME_MAX && good == length) {
        memcpy(name, own, length + 1);
        return tree_expect_leaf(&node) && tree_read(&node, table, out);
    }
    log_line("%s: its name has %d characters: expected 1 .. 31 of A-Z a-z 0-9 . _ + -", node.path,
             length);
    return false;
}

/* --- kinds of value --- */

const char *tree_parse_compatible(const struct tree_property *p, struct tree_bytes v, void *out)
{
    const size_t length = strlen(p->expected) - 2;

    (void)out;
    if (!is_string(v) || v.size != length + 1 || memcmp(v.data, p->expected + 1, length) != 0)
        return p->expected;
    return NULL;
}

const char *tree_parse_flag(const struct tree_property *p, struct tree_bytes v, void *out)
{
    if (v.size != 0)
        return p->expected;
    *(bool *)((char *)out + p->offset) = true;
    return NULL;
}

const char *tree_parse_cell(const struct tree_property *p, struct tree_bytes v, void *out)
{
    if (v.size != 4 || tree_cell(v, 0) < p->min || tree_cell(v, 0) > p->max)
        return p->expected;
    *(uint32_t *)((char *)out + p->offset) = tree_cell(v, 0);
    return NULL;
}

const char *tree_parse_bytes(const struct tree_property *p, struct tree_bytes v, void *out)
{
    if (v.size < p->min)
        return p->expected;
    *(struct tree_bytes *)((char *)out + p->offset) = v;
    return NULL;
}

const char *tree_parse_string(const struct tree_property *p, struct tree_bytes v, void *out)
{
    if (!is_string(v) || v.size - 1 > p->max)
        return p->expected;
    *(const char **)((char *)out + p->offset) = v.data;
    return NULL;
}
