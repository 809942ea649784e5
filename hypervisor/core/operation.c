#include "core/hypercall.h"
#include "core/log.h"

long operation_call(unsigned hypercall, const struct operation *table, size_t length, uint32_t cmd,
                    struct vcpu *v, guest_ptr_t arg)
{
    uint64_t copy[8];

    if (cmd >= length || !subop_exists(hypercall, cmd))
        return -XEN_ENOSYS;

    const struct operation *op = &table[clamp_index(cmd, length)];

    if (!op->function)
        return -XEN_ENOSYS;
    ASSERT(op->bytes <= sizeof(copy));
    if (op->bytes && !copy_from_guest(copy, arg, op->bytes))
        return -XEN_EFAULT;
    /* Results that cannot be written are refused while there is nothing to undo yet. */
    if (op->results && !copy_to_guest(arg, copy, op->bytes))
        return -XEN_EFAULT;

    long rc = op->function(v, copy);

    if (op->results && rc >= 0 && !copy_to_guest(arg, copy, op->bytes))
        return -XEN_EFAULT;
    return rc;
}
