/* Dispatch: one table of entry points for each published ABI version. */
#ifndef CORE_HYPERCALL_H
#define CORE_HYPERCALL_H

#include "lib/types.h"
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
const struct abi_version *abi_version_newest(void);

/* In loops whose length a guest chooses: cond_resched, then whether the domain still runs. */
static inline bool may_go_on(void)
{
    cond_resched();
    return !(READ_ONCE(current->work) & WORK_STOP);
}

/* Whether the caller's ABI version has this sub-operation; otherwise the answer is -ENOSYS. */
static inline bool subop_exists(unsigned hypercall, uint64_t subop)
{
    return subop < 64 && current->domain->abi->subops[hypercall] >> subop & 1;
}

#endif
