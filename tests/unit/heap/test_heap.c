/* The heap against a search from end to end; and that no order of operations makes it slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/heap.h"

#define MANY 1000

static struct heap_node nodes[MANY], *root;

static int reset(void **state)
{
    (void)state;
    root = NULL;
    srand(1);
    for (unsigned i = 0; i < MANY; i++)
        nodes[i] = (struct heap_node){0};
    return 0;
}

/* Counts the nodes; the way to the right is the shortest way to a missing child, so that it has at
 * most log2 of the number of nodes, which is what bounds every operation. */
static unsigned check(const struct heap_node *n, const struct heap_node *parent)
{
    uint32_t left, right;

    if (!n)
        return 0;
    assert_ptr_equal(n->parent, parent);
    assert_false(parent && heap_before(n, parent));
    left = n->left ? n->left->rank : 0;
    right = n->right ? n->right->rank : 0;
    assert_true(left >= right);
    assert_int_equal(n->rank, right + 1);
    return 1 + check(n->left, n) + check(n->right, n);
}

static void check_all(uint64_t base)
{
    const struct heap_node *first = NULL;
    unsigned in = 0;

    for (unsigned i = 0; i < MANY; i++) {
        if (!nodes[i].rank)
            continue;
        in++;
        if (!first || nodes[i].key - base < first->key - base)
            first = &nodes[i];
    }
    assert_int_equal(check(root, NULL), in);
    assert_true(first ? root->key == first->key : !root);
    assert_true(!root || 1u << root->rank <= in + 1);
}

/* With keys that pass the end of the numbers on their way. */
static void agrees_with_a_search(void **state)
{
    uint64_t base = -5000ul;

    (void)state;
    for (unsigned step = 0; step < 20000; step++) {
        struct heap_node *n = &nodes[(unsigned)rand() % MANY];

        if (rand() % 8 == 0 && root) {
            base = root->key;
            heap_remove(&root, root);
        } else if (n->rank) {
            heap_remove(&root, n);
        } else {
            heap_remove(&root, n); /* no effect */
            n->key = base + (uint64_t)rand() % 1000;
            heap_insert(&root, n);
        }
        if (step % 16 == 0)
            check_all(base);
    }
}

static void order_of_operations_does_not_matter(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        for (unsigned i = 0; i < MANY; i++) {
            nodes[i].key = way == 0 ? i : way == 1 ? MANY - i : i % 2 ? i : 2 * MANY - i;
            heap_insert(&root, &nodes[i]);
        }
        check_all(0);
        for (unsigned i = 0; i < MANY; i++) {
            heap_remove(&root, &nodes[way == 2 ? MANY - 1 - i : i]);
            if (i % 10 == 0)
                check_all(0);
        }
        assert_null(root);
    }
}

static void first_of_equals_stays_first(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        heap_insert(&root, &nodes[i]);
    assert_ptr_equal(root, &nodes[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(agrees_with_a_search, reset),
        cmocka_unit_test_setup(order_of_operations_does_not_matter, reset),
        cmocka_unit_test_setup(first_of_equals_stays_first, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
