/* The sub-operations of memory_op that tell about the machine-to-physical table. */
#include "core/domain.h"
#include "paging/paging.h"

long arch_memory_op(unsigned cmd, guest_ptr_t arg)
{
    struct xen_machphys_mapping mapping = {
        MACH2PHYS_VIRT_START,
        MACH2PHYS_VIRT_END,
        MACH2PHYS_NR_ENTRIES - 1,
    };

    if (cmd != XENMEM_machphys_mapping)
        return -XEN_ENOSYS;
    return copy_to_guest(arg, &mapping, sizeof(mapping)) ? 0 : -XEN_EFAULT;
}
