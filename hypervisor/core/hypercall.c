#include "core/hypercall.h"

/* Each published version's table, filled from abi/hypercalls.def. */
static struct abi_version versions[LAMINA_ABI_VERSION];

static long not_in_version(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t)
{
    return -XEN_ENOSYS;
}

void hypercall_init(void)
{
    for (uint32_t version = 1; version <= LAMINA_ABI_VERSION; version++) {
        struct abi_version *t = &versions[version - 1];

        t->number = version;
        for (unsigned i = 0; i < NR_HYPERCALLS; i++)
            t->call[i] = not_in_version;
#define HYPERCALL(name, nr, args, select, first, last, ...) \
    if (ABI_HAS(first, last, version))                      \
        t->call[nr] = (hypercall_t)(void *)do_##name;
#define SUBOP(parent, name, structure, first, last, ...) \
    if (ABI_HAS(first, last, version))                   \
        t->subops[__HYPERVISOR_##parent] |= 1ul << (name);
#include "abi/hypercalls.def"
    }
}

const struct abi_version *abi_version_find(uint32_t number)
{
    return number >= 1 && number <= LAMINA_ABI_VERSION ? &versions[number - 1] : NULL;
}

#define MULTICALL_POLL 2 /* calls; one alone may take 20,000 instructions */

/* Calls run in order; one that fails leaves its error in its entry and the next goes on. */
long do_multicall(guest_ptr_t calls, uint32_t count)
{
    const struct abi_version *abi = current->domain->abi;
    struct multicall_entry e;

    for (; count; count--, calls = guest_ptr_at(calls, sizeof(e))) {
        uint64_t nr;

        if (unlikely(!copy_from_guest(&e, calls, sizeof(e))))
            return -XEN_EFAULT;
        nr = e.op;
        if (unlikely(nr == __HYPERVISOR_multicall)) {
            e.result = -XEN_EINVAL; /* or nesting would know no bound */
        } else if (unlikely(nr == __HYPERVISOR_iret || nr >= NR_HYPERCALLS)) {
            e.result = -XEN_ENOSYS;
        } else {
            __asm__("" : "+r"(nr)); /* keeps the clamp below */
            nr &= (uint64_t)((int64_t)(nr - NR_HYPERCALLS) >> 63);
            e.result =
                abi->call[nr](e.args[0], e.args[1], e.args[2], e.args[3], e.args[4], e.args[5]);
        }
        if (unlikely(!copy_to_guest(guest_ptr_at(calls, offsetof(struct multicall_entry, result)),
                                    &e.result, sizeof(e.result))))
            return -XEN_EFAULT;
        /* Interrupts are off: without a look now and then no reason to stop would ever come. */
        if (unlikely(count % MULTICALL_POLL == 0) && !may_go_on())
            return 0;
    }
    return 0;
}
