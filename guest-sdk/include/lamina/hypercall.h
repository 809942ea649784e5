/* One function for each hypercall of the table: hypercall_NAME(arguments as in docs/abi.md). Each
 * returns what the hypervisor returns: usually 0 or -XEN_E*. Callable anywhere. Sub-operations,
 * their structures and errors: docs/abi.md. (iret is not here, since it takes a frame:
 * lm_return_to.) */
#ifndef LAMINA_HYPERCALL_H
#define LAMINA_HYPERCALL_H

#include <stddef.h>
#include "abi/hypercalls.h"

/* A call into the hypercall page, whose stubs leave all registers but the result's alone. Xen does
 * not promise that of the arguments' registers. */
#define LM_CALL_(number, ...)                                 \
    __asm__ volatile("call hypercall_page + " #number " * 32" \
                     : "=a"(lm_result)__VA_ARGS__             \
                     :                                        \
                     : "rcx", "r11", "memory")
#define LM_CALL_0(number) LM_CALL_(number, )
#define LM_CALL_1(number, a1) \
    uint64_t lm_a1 = a1;      \
    LM_CALL_(number, , "+D"(lm_a1))
#define LM_CALL_2(number, a1, a2)    \
    uint64_t lm_a1 = a1, lm_a2 = a2; \
    LM_CALL_(number, , "+D"(lm_a1), "+S"(lm_a2))
#define LM_CALL_3(number, a1, a2, a3)            \
    uint64_t lm_a1 = a1, lm_a2 = a2, lm_a3 = a3; \
    LM_CALL_(number, , "+D"(lm_a1), "+S"(lm_a2), "+d"(lm_a3))
#define LM_CALL_4(number, a1, a2, a3, a4)        \
    uint64_t lm_a1 = a1, lm_a2 = a2, lm_a3 = a3; \
    register uint64_t lm_a4 __asm__("r10") = a4; \
    LM_CALL_(number, , "+D"(lm_a1), "+S"(lm_a2), "+d"(lm_a3), "+r"(lm_a4))

#define LM_APPLY(macro, ...) macro(__VA_ARGS__)

#define HYPERCALL_NORETURN(...)
#define HYPERCALL(name, number, args, ...)                               \
    static inline long hypercall_##name(ARGS_PARAMS args)                \
    {                                                                    \
        long lm_result;                                                  \
        LM_APPLY(ARGS_FUNCTION(LM_CALL, args), number ARGS_VALUES args); \
        return lm_result;                                                \
    }
#include "abi/hypercalls.def"

#endif
