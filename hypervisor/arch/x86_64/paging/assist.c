/* Hypercall vm_assist. */
#include "core/hypercall.h"

#define KNOWN                                                                          \
    (1ul << VMASST_TYPE_4gb_segments | 1ul << VMASST_TYPE_4gb_segments_notify |        \
     1ul << VMASST_TYPE_writable_pagetables | 1ul << VMASST_TYPE_pae_extended_cr3 |    \
     1ul << VMASST_TYPE_architectural_iopl | 1ul << VMASST_TYPE_runstate_update_flag | \
     1ul << VMASST_TYPE_m2p_strict)

long do_vm_assist(uint32_t cmd, uint32_t type)
{
    uint64_t *modes = &current->domain->vm_assist;

    if (type >= 64 || !(KNOWN & 1ul << type))
        return -XEN_EINVAL;
    if ((cmd != VMASST_CMD_enable && cmd != VMASST_CMD_disable) ||
        !subop_exists(__HYPERVISOR_vm_assist, cmd))
        return -XEN_ENOSYS;
    if (cmd == VMASST_CMD_enable)
        __atomic_or_fetch(modes, 1ul << type, __ATOMIC_RELAXED);
    else
        __atomic_and_fetch(modes, ~(1ul << type), __ATOMIC_RELAXED);
    return 0;
}
