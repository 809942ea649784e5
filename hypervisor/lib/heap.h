/* A leftist heap: putting in and taking out are O(log n), each single time, also for whoever tries
 * to make it slow. The nodes are part of what they order, so that neither can fail. */
#pragma once

#include "lib/types.h"

struct heap_node {
    uint64_t key; /* constant while it is in; wraps: those in a heap are less than 2^63 apart */
    struct heap_node *left, *right, *parent;
    uint32_t rank; /* nodes on the way down to the right, itself included; 0: in no heap */
};

/* Whether a's key is before that of b. */
static inline bool heap_before(const struct heap_node *a, const struct heap_node *b)
{
    return (int64_t)(a->key - b->key) < 0;
}

/* *root is the first one, or NULL. A new node comes after a first one that has the same key. */
void heap_insert(struct heap_node **root, struct heap_node *n);
/* No effect on one that is in no heap. */
void heap_remove(struct heap_node **root, struct heap_node *n);
