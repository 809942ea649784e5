#include <libfdt.h>

#include "core/tree.h"
#include "core/log.h"
#include "lib/format.h"
#include "lib/string.h"

#define VALUE_SIZE 64
#define MAX_ERRORS 4 /* lines that one node can cost */

uint32_t tree_cell(struct tree_bytes v, unsigned index)
{
    return fdt32_ld((const fdt32_t *)(const void *)(v.data + 4 * (size_t)index));
}

bool tree_is_strings(struct tree_bytes v)
{
    return v.size > 0 && v.data[v.size - 1] == 0;
}

static bool is_string(struct tree_bytes v)
{
    return v.size > 0 && strnlen(v.data, v.size) == v.size - 1;
}

/* The value is the string that `quoted` has in quotes. */
static bool is_quoted(struct tree_bytes v, const char *quoted)
{
    const size_t length = strlen(quoted) - 2;

    return is_string(v) && v.size == length + 1 && memcmp(v.data, quoted + 1, length) == 0;
}

/* --- messages --- */

/* Copies what may come to a console: from a blob that can hold anything. */
static size_t put_text(char *out, size_t used, size_t size, const char *text)
{
    for (; *text && used + 1 < size; text++)
        out[used++] = *text >= ' ' && *text <= '~' ? *text : '?';
    out[used] = 0;
    return used;
}

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

static void show_value(char *out, struct tree_bytes v)
{
    const bool strings = looks_like_strings(v);
    const bool cells = !strings && v.size % 4 == 0;
    size_t used = 0, at = 0;

    out[0] = 0;
    while (at < v.size) {
        used = put_text(out, used, VALUE_SIZE, at ? strings ? ", " : " " : cells ? "<" : "");
        if (used + 20 > VALUE_SIZE) {
            used = put_text(out, used, VALUE_SIZE, "...");
            break;
        }
        if (strings) {
            used = put_text(out, used, VALUE_SIZE - 8, "\"");
            used = put_text(out, used, VALUE_SIZE - 8, v.data + at);
            used = put_text(out, used, VALUE_SIZE, used < VALUE_SIZE - 9 ? "\"" : "...\"");
            at += strlen(v.data + at) + 1;
        } else if (cells) {
            used +=
                (size_t)format(out + used, VALUE_SIZE - used, "%u", tree_cell(v, (unsigned)at / 4));
            at += 4;
        } else {
            used += (size_t)format(out + used, VALUE_SIZE - used, "%02x", v.data[at] & 0xffu);
            at++;
        }
    }
    put_text(out, used, VALUE_SIZE,
             v.size == 0 ? "(no value)"
             : cells     ? ">"
             : strings   ? ""
                         : " (bytes)");
}

void tree_refuse(struct tree_node *node, const char *name, struct tree_bytes v,
                 const char *expected)
{
    char value[VALUE_SIZE];

    show_value(value, v);
    log_line("%s: %s = %s: expected %s", node->path, name, value, expected);
    node->errors++;
}

static void refuse_missing(struct tree_node *node, const char *name, const char *expected)
{
    log_line("%s: %s is missing: expected %s", node->path, name, expected);
    node->errors++;
}

/* How many letters must be inserted, deleted or replaced to make b of a. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[TREE_NAME_MAX + 1];
    const size_t columns = strlen(b);

    if (strnlen(a, TREE_NAME_MAX + 1) > TREE_NAME_MAX || columns > TREE_NAME_MAX)
        return ~0u;
    for (size_t j = 0; j <= columns; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i]; i++) {
        unsigned diagonal = row[0];

        row[0]++;
        for (size_t j = 0; j < columns; j++) {
            const unsigned replaced = diagonal + (a[i] != b[j]);

            diagonal = row[j + 1];
            row[j + 1] = MIN(replaced, MIN(row[j], row[j + 1]) + 1);
        }
    }
    return row[columns];
}

static void refuse_unknown(struct tree_node *node, const char *name,
                           const struct tree_property *table, size_t count)
{
    char shown[TREE_NAME_MAX + 1];
    const char *nearest = NULL;
    unsigned best = 4;

    for (size_t i = 0; i < count; i++) {
        const unsigned d = distance(name, table[i].name);

        if (d < best && d < strlen(table[i].name)) {
            best = d;
            nearest = table[i].name;
        }
    }
    put_text(shown, 0, sizeof(shown), name);
    if (nearest)
        log_line("%s: %s: unknown property: did you mean %s?", node->path, shown, nearest);
    else
        log_line("%s: %s: unknown property: docs/system-tree.md has the known ones", node->path,
                 shown);
    node->errors++;
}

/* --- nodes --- */

struct tree_node tree_node(const void *fdt, int offset, const char *parent_path)
{
    struct tree_node node = {.fdt = fdt, .offset = offset};
    const char *name = fdt_get_name(fdt, offset, NULL);
    const size_t used = put_text(node.path, 0, TREE_PATH_MAX, parent_path);

    put_text(node.path, used, TREE_PATH_MAX, name ? name : "?");
    return node;
}

/* Names come to consoles and to other guests, so they keep to plain characters. */
bool tree_node_name(struct tree_node *node, const char **name)
{
    int length;
    const char *s = fdt_get_name(node->fdt, node->offset, &length);
    bool good = s && length >= 1 && length <= TREE_NAME_MAX;

    for (int i = 0; good && i < length; i++)
        good = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
               (s[i] >= '0' && s[i] <= '9') || strchr("._+-", s[i]) != NULL;
    if (!good) {
        log_line("%s: its name has %d characters: expected 1 .. 31 of A-Z a-z 0-9 . _ + -",
                 node->path, length);
        node->errors++;
    }
    *name = s;
    return good;
}

static struct tree_bytes compatible_of(const struct tree_node *node)
{
    int size;
    const char *data = fdt_getprop(node->fdt, node->offset, "compatible", &size);

    return (struct tree_bytes){data, data ? (size_t)size : 0};
}

bool tree_is_compatible(const struct tree_node *node, const char *quoted)
{
    return is_quoted(compatible_of(node), quoted);
}

void tree_refuse_compatible(struct tree_node *node, const char *expected)
{
    const struct tree_bytes v = compatible_of(node);

    if (v.data)
        tree_refuse(node, "compatible", v, expected);
    else
        refuse_missing(node, "compatible", expected);
}

static void read_property(struct tree_node *node, int at, const struct tree_property *table,
                          size_t count, uint32_t *seen, void *out)
{
    const char *name, *expected;
    int size;
    const char *data = fdt_getprop_by_offset(node->fdt, at, &name, &size);
    const struct tree_bytes v = {data, data ? (size_t)size : 0};
    size_t i;

    if (strcmp(name, "phandle") == 0) /* dtc's own, in any node that something refers to */
        return;
    for (i = 0; i < count && strcmp(name, table[i].name) != 0; i++)
        ;
    if (i == count) {
        refuse_unknown(node, name, table, count);
        return;
    }
    expected = *seen & (1u << i) ? "it only once" : table[i].parse(&table[i], v, out);
    if (expected)
        tree_refuse(node, name, v, expected);
    *seen |= 1u << i;
}

bool tree_read(struct tree_node *node, const struct tree_property *table, size_t count, void *out)
{
    uint32_t seen = 0;
    int at;

    fdt_for_each_property_offset(at, node->fdt, node->offset)
    {
        if (node->errors >= MAX_ERRORS)
            return false;
        read_property(node, at, table, count, &seen, out);
    }
    for (size_t i = 0; i < count && node->errors < MAX_ERRORS; i++) {
        if (table[i].required && !(seen & (1u << i)))
            refuse_missing(node, table[i].name, table[i].expected);
    }
    return node->errors == 0;
}

bool tree_expect_leaf(struct tree_node *node)
{
    const int child = fdt_first_subnode(node->fdt, node->offset);

    if (child < 0)
        return true;
    log_line("%s: has a node %s: expected none", node->path, tree_node(node->fdt, child, "").path);
    node->errors++;
    return false;
}

/* --- kinds of value --- */

const char *tree_parse_ignored(const struct tree_property *p, struct tree_bytes v, void *out)
{
    (void)p, (void)v, (void)out;
    return NULL;
}

const char *tree_parse_compatible(const struct tree_property *p, struct tree_bytes v, void *out)
{
    (void)out;
    return is_quoted(v, p->expected) ? NULL : p->expected;
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
