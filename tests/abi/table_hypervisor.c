/* The table as the hypervisor reads it: handlers' prototypes, and a dispatch table and a mask of
 * sub-operations for a version, all constant expressions. */
#include "abi/hypercalls.h"

#define HYPERCALL(name, number, args, ...) long do_##name(ARGS_PARAMS args);
#include "abi/hypercalls.def"

/* A guest pointer is no pointer here. */
extern long (*do_console_io_type)(uint32_t cmd, uint32_t count, guest_ptr_t buffer);
_Static_assert(__builtin_types_compatible_p(__typeof__(&do_console_io),
                                            __typeof__(do_console_io_type)),
               "console_io");
_Static_assert(sizeof(guest_ptr_t) == 8 && _Alignof(guest_ptr_t) == 8, "guest_ptr_t");

uint64_t subops[64] = {
#define HYPERCALL(name, number, args, select, first, last, ...) , [number] = 0
#define SUBOP(parent, name, type, first, last, ...) \
    | (ABI_HAS(first, last, LAMINA_ABI_VERSION) ? 1ull << (name) : 0)
    [63] = 0
#include "abi/hypercalls.def"
};
