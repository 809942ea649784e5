#include <libfdt.h>

#include "core/tree.h"
#include "core/log.h"
#include "lib/format.h"
#include "lib/string.h"

#define VALUE_SIZE 64
#define PATH_SIZE  64
#define LIST_SIZE  160
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
    size_t used = 0;

    for (size_t at = 0; at < v.size && used < VALUE_SIZE;) {
        const char *before = at ? strings ? ", " : " " : cells ? "<" : "";
        const size_t room = VALUE_SIZE - used;

        if (strings) {
            used += format(out + used, room, "%s\"%s\"", before, v.data + at);
            at += strlen(v.data + at) + 1;
        } else if (cells) {
            used += format(out + used, room, "%s%u", before, tree_cell(v, at / 4));
            at += 4;
        } else {
            used += format(out + used, room, "%s%02x", before, (uint8_t)v.data[at++]);
        }
    }
    if (used < VALUE_SIZE)
        used += format(out + used, VALUE_SIZE - used, "%s",
                       v.size == 0 ? "(no value)"
                       : cells     ? ">"
                       : strings   ? ""
                                   : " (bytes)");
    if (used >= VALUE_SIZE)
        format(out + VALUE_SIZE - 4, 4, "...");
}

static const char *path_of(const void *fdt, int node)
{
    static char path[PATH_SIZE];

    if (node == 0)
        return "/";
    if (fdt_get_path(fdt, node, path, sizeof(path)) != 0)
        format(path, sizeof(path), "%s", fdt_get_name(fdt, node, NULL)); /* too long */
    return path;
}

/* The property has this value; v.data NULL: it is missing. */
static void refuse(const void *fdt, int node, const struct tree_property *p, struct tree_bytes v)
{
    char value[VALUE_SIZE];

    show_value(value, v);
    if (v.data)
        log_line("%s: %s = %s: expected %s", path_of(fdt, node), p->name, value, p->expected);
    else
        log_line("%s: %s is missing: expected %s", path_of(fdt, node), p->name, p->expected);
}

static void refuse_unknown(const void *fdt, int node, const char *name,
                           const struct tree_property *table)
{
    char known[LIST_SIZE];
    size_t used = format(known, sizeof(known), "phandle");

    for (const struct tree_property *p = table; p->name && used < sizeof(known); p++)
        used += format(known + used, sizeof(known) - used, ", %s", p->name);
    log_line("%s: %.*s: unknown property: expected one of %s", path_of(fdt, node), TREE_NAME_MAX,
             name, known);
}

/* --- nodes --- */

unsigned tree_read(const void *fdt, int node, const struct tree_property *table, void *out)
{
    const struct tree_property *p;
    unsigned errors = 0;
    const char *name;
    int at, size;

    fdt_for_each_property_offset(at, fdt, node)
    {
        const char *data = fdt_getprop_by_offset(fdt, at, &name, &size);
        const struct tree_bytes v = {data, (size_t)size};

        for (p = table; p->name && strcmp(name, p->name) != 0; p++)
            ;
        if (!p->name && strcmp(name, "phandle") != 0) { /* that is dtc's own, in any node */
            refuse_unknown(fdt, node, name, table);
            errors++;
        } else if (p->parse && !p->parse(p, v, (char *)out + p->offset)) {
            refuse(fdt, node, p, v);
            errors++;
        }
        if (errors == MAX_ERRORS)
            return errors;
    }
    for (p = table; p->name && errors < MAX_ERRORS; p++)
        if (p->required && !fdt_getprop(fdt, node, p->name, NULL)) {
            refuse(fdt, node, p, (struct tree_bytes){0});
            errors++;
        }
    return errors;
}

unsigned tree_read_leaf(const void *fdt, int node, const struct tree_property *table, void *out)
{
    const int child = fdt_first_subnode(fdt, node);

    if (child < 0)
        return tree_read(fdt, node, table, out);
    log_line("%s: has a node %.*s: expected none", path_of(fdt, node), TREE_NAME_MAX,
             fdt_get_name(fdt, child, NULL));
    return 1;
}

/* Names come to consoles and to other guests, so they keep to plain characters. */
bool tree_read_named(const void *fdt, int node, char *name, const struct tree_property *table,
                     void *out)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-";
    int length, good = 0;
    const char *own = fdt_get_name(fdt, node, &length);

    while (good < length && memchr(plain, own[good], sizeof(plain) - 1))
        good++;
    if (length >= 1 && length <= TREE_NAME_MAX && good == length) {
        memcpy(name, own, length + 1);
        return tree_read_leaf(fdt, node, table, out) == 0;
    }
    log_line("%s: its name has %u characters: expected 1 .. 31 of A-Z a-z 0-9 . _ + -",
             path_of(fdt, node), length);
    return false;
}

/* --- kinds of value --- */

bool tree_parse_compatible(const struct tree_property *p, struct tree_bytes v, void *)
{
    return is_string(v) && v.size < strlen(p->expected) && p->expected[v.size] == '"' &&
           memcmp(v.data, p->expected + 1, v.size - 1) == 0;
}

bool tree_parse_flag(const struct tree_property *, struct tree_bytes v, void *field)
{
    return *(bool *)field = v.size == 0;
}

bool tree_parse_cell(const struct tree_property *p, struct tree_bytes v, void *field)
{
    uint32_t *cell = field;

    *cell = v.size == 4 ? tree_cell(v, 0) : 0;
    return v.size == 4 && *cell >= p->min && *cell <= p->max;
}

bool tree_parse_bytes(const struct tree_property *p, struct tree_bytes v, void *field)
{
    *(struct tree_bytes *)field = v;
    return v.size >= p->min;
}

bool tree_parse_string(const struct tree_property *p, struct tree_bytes v, void *field)
{
    *(const char **)field = v.data;
    return is_string(v) && v.size - 1 <= p->max;
}
