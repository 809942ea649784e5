/* Nodes of a device tree, read by a table of the properties that they may have. Boot only. */
#pragma once

#include "lib/types.h"

#define TREE_NAME_MAX 31 /* characters in a node's name */

struct tree_node {
    const void *fdt; /* passed fdt_check_full() */
    int offset;
    unsigned errors; /* lines logged about it */
    char path[64];   /* for messages: shortened */
};

/* A property's bytes, in the blob: 4-byte aligned. */
struct tree_bytes {
    const char *data;
    size_t size;
};

struct tree_property {
    const char *name; /* NULL ends a table */
    /* Stores the value in *out; returns NULL, or what was expected instead. NULL: it is not read.
     */
    const char *(*parse)(const struct tree_property *p, struct tree_bytes v, void *out);
    const char *expected;
    uint32_t min, max; /* as parse understands them */
    uint16_t offset;   /* of the field in *out */
    bool required;
};

/* A cell in the range, and the text that says so. */
#define TREE_RANGE(lo, hi, unit) .min = lo, .max = hi, .expected = "<" #lo " .. " #hi ">" unit

struct tree_node tree_node(const void *fdt, int offset, const char *parent_path);

/* Reads every property but phandle (the table has at most 32). Unknown, repeated, missing and wrong
 * ones are logged, up to a few; false if there was any. */
bool tree_read(struct tree_node *node, const struct tree_property *table, void *out);

/* The same for a node with a name of 1 .. TREE_NAME_MAX plain characters, which is copied with its
 * NUL, and no node in it. */
bool tree_read_named(const void *fdt, int offset, const char *parent_path, char *name,
                     const struct tree_property *table, void *out);

/* False, logged, if there is a node in the node. */
bool tree_expect_leaf(struct tree_node *node);

/* Logs "PATH: compatible = VALUE: expected EXPECTED", or that it is missing. */
void tree_refuse_compatible(struct tree_node *node, const char *expected);

/* Cell number index of a value that has it. */
uint32_t tree_cell(struct tree_bytes v, size_t index);

/* The value is one or more strings, each with its NUL. */
bool tree_is_strings(struct tree_bytes v);

/* The very string that `expected` has in quotes; stores nothing. */
const char *tree_parse_compatible(const struct tree_property *p, struct tree_bytes v, void *out);
/* No value; sets a bool. */
const char *tree_parse_flag(const struct tree_property *p, struct tree_bytes v, void *out);
/* One cell, min .. max, into a uint32_t. */
const char *tree_parse_cell(const struct tree_property *p, struct tree_bytes v, void *out);
/* At least min bytes, into a struct tree_bytes. */
const char *tree_parse_bytes(const struct tree_property *p, struct tree_bytes v, void *out);
/* One string of at most max characters, into a const char *. */
const char *tree_parse_string(const struct tree_property *p, struct tree_bytes v, void *out);
