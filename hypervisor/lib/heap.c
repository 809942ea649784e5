#include "lib/heap.h"

/* The child of higher rank comes to the left, so that the way to the right stays short. Returns
 * whether the node's own rank changed. */
static bool lean_left(struct heap_node *n)
{
    struct heap_node *left = n->left, *right = n->right;
    uint32_t rank = n->rank;

    if (right && (!left || left->rank < right->rank)) {
        n->left = right;
        n->right = left;
    }
    n->rank = n->right ? n->right->rank + 1 : 1;
    return n->rank != rank;
}

/* Merges the ways to the right of both, which are short, so that the recursion is not deep. */
static struct heap_node *meld(struct heap_node *a, struct heap_node *b, struct heap_node *parent)
{
    struct heap_node *first = !a || (b && heap_before(b, a)) ? b : a;

    if (!first)
        return NULL;
    first->parent = parent;
    if (a && b) {
        first->right = meld(first->right, first == a ? b : a, first);
        lean_left(first);
    }
    return first;
}

void heap_insert(struct heap_node **root, struct heap_node *n)
{
    *n = (struct heap_node){.key = n->key, .rank = 1};
    *root = meld(*root, n, NULL);
}

void heap_remove(struct heap_node **root, struct heap_node *n)
{
    struct heap_node *parent = n->parent;

    if (n->rank == 0)
        return;
    if (parent)
        root = parent->left == n ? &parent->left : &parent->right;
    *root = meld(n->left, n->right, parent);
    n->rank = 0;
    while (parent && lean_left(parent))
        parent = parent->parent;
}
