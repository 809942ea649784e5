/* The sub-operations of memory_op that tell about the machine-to-physical table. */
#include "core/domain.h"
#include "paging/paging.h"

static long machphys_mapping(guest_ptr_t arg)
{
    struct xen_machphys_mapping mapping = {MACH2PHYS_VIRT_START, MACH2PHYS_VIRT_END,
                                           MACH2PHYS_NR_ENTRIES - 1};

    return copy_to_guest(arg, &mapping, sizeof(mapping)) ? 0 : -XEN_EFAULT;
}

/* The frame of the M2P's page at that address; where memory has a hole, *number stays. */
static void m2p_frame(uint64_t va, uint64_t *number)
{
    uint64_t entry = paging_l4_template[L4_SLOT_M2P];

    for (unsigned level = 3; level > 0 && (entry & PTE_PRESENT); level--)
        entry = pte_table(entry)[pte_index(va, level)];
    if (entry & PTE_PRESENT)
        *number = pte_frame(entry).n;
}

#define STRETCH (2ul << 20) /* of the M2P, for each entry of the list */

static long machphys_mfn_list(guest_ptr_t arg)
{
    uint64_t va = M2P_START, end = M2P_START + frames_max * 8, number = 0;
    struct xen_machphys_mfn_list list;

    if (!copy_from_guest(&list, arg, sizeof(list)))
        return -XEN_EFAULT;
    list.nr_extents = 0;
    for (; va < end && list.nr_extents < list.max_extents; va += STRETCH) {
        m2p_frame(va, &number); /* in a hole as the one before, as on Xen */
        if (!copy_to_guest(guest_ptr_at(list.extent_start, list.nr_extents++ * sizeof(number)),
                           &number, sizeof(number)))
            return -XEN_EFAULT;
        cond_resched_each(64, list.nr_extents);
    }
    return copy_to_guest(arg, &list, sizeof(list)) ? 0 : -XEN_EFAULT;
}

long arch_memory_op(unsigned cmd, guest_ptr_t arg)
{
    if (cmd == XENMEM_machphys_mfn_list)
        return machphys_mfn_list(arg);
    return cmd == XENMEM_machphys_mapping ? machphys_mapping(arg) : -XEN_ENOSYS;
}
