/* Sub-operations whose argument is one structure: it is copied in, worked on, and copied out. */
#ifndef CORE_SUBOP_H
#define CORE_SUBOP_H

#include "lib/types.h"
#include "abi/guest_ptr.h"

struct vcpu;

typedef long (*subop_function_t)(struct vcpu *v, void *structure);

/* An element of a table that the sub-operation's number is the index of. */
struct subop {
    subop_function_t function;
    uint16_t bytes; /* of the structure; 0: there is none */
    bool results;   /* which go back to the guest unless the answer is an error */
};

/* From a function that takes (struct vcpu *, STRUCTURE *); at most 64 bytes. */
#define SUBOP(function, structure, results)                     \
    {                                                           \
        _Generic(function, long (*)(struct vcpu *, structure *) \
                 : (subop_function_t)function),                 \
            sizeof(structure), results                          \
    }

/* Carries it out for that vCPU. -XEN_ENOSYS if the caller's ABI version or the table does not have
 * it, -XEN_EFAULT, or what the function answers. */
long subop_call(unsigned hypercall, const struct subop *table, size_t length, uint32_t cmd,
                struct vcpu *v, guest_ptr_t arg);

#endif
