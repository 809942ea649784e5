/* Dispatch: one table of entry points for each published ABI version. */
#pragma once

#include "abi/hypercalls.h"
#include "core/domain.h"

#define NR_HYPERCALLS 64

/* Every handler has this shape in the table; its own prototype has the arguments it takes. */
typedef long (*hypercall_t)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

struct abi_version {
    hypercall_t call[NR_HYPERCALLS];
    uint64_t subops[NR_HYPERCALLS]; /* bit n: sub-operation n exists in this version */
    uint32_t number;
};

/* Once, at boot. */
void hypercall_init(void);

const struct abi_version *abi_version_find(uint32_t number); /* NULL: not published */

/* Prototypes of all handlers, do_NAME. */
#define HYPERCALL(name, nr, args, ...) long do_##name(ARGS_PARAMS args);
#include "abi/hypercalls.def"

/* In loops whose length a guest chooses: cond_resched, then whether the domain still runs. */
static inline bool may_go_on(void)
{
    cond_resched();
    return !(READ_ONCE(current->work) & WORK_STOP);
}

/* Whether the caller's ABI version has this sub-operation; otherwise the answer is -XEN_ENOSYS. */
static inline bool subop_exists(unsigned hypercall, uint64_t subop)
{
    return subop < 64 && current->domain->abi->subops[hypercall] >> subop & 1;
}

/* --- sub-operations whose argument is one structure: copied in, worked on, copied out --- */

typedef long (*operation_t)(struct vcpu *v, void *structure);

/* An element of a table that the sub-operation's number is the index of. */
struct operation {
    operation_t function;
    uint16_t bytes; /* of the structure; 0: there is none */
    bool results;   /* which go back to the guest unless the answer is an error */
};

/* From a function that takes (struct vcpu *, STRUCTURE *); at most 64 bytes. */
#define OPERATION(function, structure, results)                 \
    {                                                           \
        _Generic(function, long (*)(struct vcpu *, structure *) \
                 : (operation_t)function),                      \
            sizeof(structure), results                          \
    }

/* Carries it out for that vCPU. -XEN_ENOSYS if the caller's ABI version or the table does not have
 * it, -XEN_EFAULT, or what the function answers. */
long operation_call(unsigned hypercall, const struct operation *table, size_t length, uint32_t cmd,
                    struct vcpu *v, guest_ptr_t arg);
