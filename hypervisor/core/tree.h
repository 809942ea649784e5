/* Nodes of a device tree, read by a table of the properties that they may have. Boot only. */
#pragma once

#include "lib/types.h"

#define TREE_NAME_MAX 31 /* characters in a node's name */

/* A property's bytes, in the blob: 4-byte aligned. */
struct tree_bytes {
    const char *data;
    size_t size;
};

struct tree_property {
    const char *name; /* NULL ends a table */
    /* Stores the value; false: it is not what is expected. NULL: it is not read. */
    bool (*parse)(const struct tree_property *p, struct tree_bytes v, void *field);
    const char *expected;
    uint32_t min, max; /* as parse understands them */
    uint16_t offset;   /* of the field in *out */
    bool required;
};

/* A cell in the range, and the text that says so. */
#define TREE_RANGE(lo, hi, unit) .min = lo, .max = hi, .expected = "<" #lo " .. " #hi ">" unit

/* Of a blob that passed fdt_check_full(): reads every property of the node but phandle. Unknown,
 * missing and wrong ones are logged, up to a few. Returns how many. */
unsigned tree_read(const void *fdt, int node, const struct tree_property *table, void *out);
/* The same, and there is no node in the node. */
unsigned tree_read_leaf(const void *fdt, int node, const struct tree_property *table, void *out);

/* The same for one with a name of 1 .. TREE_NAME_MAX plain characters, which is copied with its
 * NUL. True: all is right. */
bool tree_read_named(const void *fdt, int node, char *name, const struct tree_property *table,
                     void *out);

/* Cell number index of a value that has it. */
uint32_t tree_cell(struct tree_bytes v, size_t index);

/* The value is one or more strings, each with its NUL. */
bool tree_is_strings(struct tree_bytes v);

/* The string that `expected` has first, in quotes; stores nothing. */
bool tree_parse_compatible(const struct tree_property *p, struct tree_bytes v, void *field);
/* No value; sets a bool. */
bool tree_parse_flag(const struct tree_property *p, struct tree_bytes v, void *field);
/* One cell, min .. max, into a uint32_t. */
bool tree_parse_cell(const struct tree_property *p, struct tree_bytes v, void *field);
/* At least min bytes, into a struct tree_bytes. */
bool tree_parse_bytes(const struct tree_property *p, struct tree_bytes v, void *field);
/* One string of at most max characters, into a const char *. */
bool tree_parse_string(const struct tree_property *p, struct tree_bytes v, void *field);
