/* Macros for those who read abi/hypercalls.def. An entry's argument list is one macro argument,
 *   (2, uint32_t, cmd, "what it is", GUEST_PTR(void), arg, "what it is")
 * and each macro here is put directly before it: ARGS_PARAMS args. */
#ifndef ABI_HYPERCALLS_H
#define ABI_HYPERCALLS_H

#include "abi/xen.h"

/* `last` of an entry that is in every version up to the newest. */
#define ABI_OPEN 0xffffffffu

/* Whether an entry with these bounds is in a version; a constant expression. */
#define ABI_HAS(first, last, version) ((version) >= (first) && (version) <= (last))

/* Values of `select`: where a call's sub-operation number is. */
#define SELECT_none    0 /* it has none */
#define SELECT_first   1 /* in the first argument */
#define SELECT_element 2 /* in each element of the array that the first argument points to */

/* How many there are: a number from 0 to 4. */
#define ARGS_COUNT(n, ...) n

/* A parameter list without its parentheses: `uint32_t cmd, void *arg`, or `void`. */
#define ARGS_PARAMS(n, ...)                                           ARGS_PARAMS_##n(__VA_ARGS__)
#define ARGS_PARAMS_0(none)                                           void
#define ARGS_PARAMS_1(t1, a1, d1)                                     t1 a1
#define ARGS_PARAMS_2(t1, a1, d1, t2, a2, d2)                         t1 a1, t2 a2
#define ARGS_PARAMS_3(t1, a1, d1, t2, a2, d2, t3, a3, d3)             t1 a1, t2 a2, t3 a3
#define ARGS_PARAMS_4(t1, a1, d1, t2, a2, d2, t3, a3, d3, t4, a4, d4) t1 a1, t2 a2, t3 a3, t4 a4

/* The arguments as they go into registers, each with a comma before it. In guests only: the
 * hypervisor's guest pointers cannot be cast. */
#define ARGS_VALUES(n, ...) ARGS_VALUES_##n(__VA_ARGS__)
#define ARGS_VALUES_0(none)
#define ARGS_VALUES_1(t1, a1, d1)             , (uint64_t)(a1)
#define ARGS_VALUES_2(t1, a1, d1, t2, a2, d2) , (uint64_t)(a1), (uint64_t)(a2)
#define ARGS_VALUES_3(t1, a1, d1, t2, a2, d2, t3, a3, d3) \
    , (uint64_t)(a1), (uint64_t)(a2), (uint64_t)(a3)
#define ARGS_VALUES_4(t1, a1, d1, t2, a2, d2, t3, a3, d3, t4, a4, d4) \
    , (uint64_t)(a1), (uint64_t)(a2), (uint64_t)(a3), (uint64_t)(a4)

/* name_n, for instance the stub function for n arguments: ARGS_FUNCTION(hypercall, args). */
#define ARGS_FUNCTION(name, args)   ARGS_FUNCTION_(name, ARGS_COUNT args)
#define ARGS_FUNCTION_(name, count) ARGS_FUNCTION__(name, count)
#define ARGS_FUNCTION__(name, n)    name##_##n

/* Initializers {"type", "name", "text"} for an array, each with a comma after it. */
#define ARGS_STRINGS(n, ...) ARGS_STRINGS_##n(__VA_ARGS__)
#define ARGS_STRINGS_0(none)
#define ARGS_STRINGS_1(t1, a1, d1)             {#t1, #a1, d1},
#define ARGS_STRINGS_2(t1, a1, d1, t2, a2, d2) ARGS_STRINGS_1(t1, a1, d1) ARGS_STRINGS_1(t2, a2, d2)
#define ARGS_STRINGS_3(t1, a1, d1, t2, a2, d2, t3, a3, d3) \
    ARGS_STRINGS_2(t1, a1, d1, t2, a2, d2) ARGS_STRINGS_1(t3, a3, d3)
#define ARGS_STRINGS_4(t1, a1, d1, t2, a2, d2, t3, a3, d3, t4, a4, d4) \
    ARGS_STRINGS_3(t1, a1, d1, t2, a2, d2, t3, a3, d3) ARGS_STRINGS_1(t4, a4, d4)

#endif
