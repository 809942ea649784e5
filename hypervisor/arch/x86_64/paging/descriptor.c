/* Descriptors that guests may have, and the hypercalls set_gdt and update_descriptor. */
#include "core/hypercall.h"
#include "core/log.h"
#include "paging/update.h"

#define DESC_PRESENT  (1ul << 47)
#define DESC_ORDINARY (1ul << 44) /* code or data */
#define DESC_DPL      (3ul << 45)
#define DESC_TYPE     (0xful << 40)

bool descriptor_check(uint64_t *descriptor)
{
    if (!(*descriptor & DESC_PRESENT))
        return true; /* faults whatever else it says */
    if (*descriptor & DESC_ORDINARY) {
        *descriptor |= DESC_DPL;
        return true;
    }
    /* System type 0 cannot be loaded. TSS, LDT and gates would enter the hypervisor's segments. */
    return (*descriptor & DESC_TYPE) == 0;
}

long do_set_gdt(guest_ptr_t frames, uint32_t entries)
{
    uint64_t frame_numbers[FIRST_RESERVED_GDT_PAGE];

    if (entries > FIRST_RESERVED_GDT_ENTRY) {
        guest_log(current->domain, "set_gdt of %u entries: at most 7168", entries);
        return -XEN_EINVAL;
    }
    if (!copy_from_guest(frame_numbers, frames, (entries + 511) / 512 * sizeof(uint64_t)))
        return -XEN_EFAULT;
    return paging_set_gdt(current, frame_numbers, entries);
}

long do_update_descriptor(uint64_t maddr, uint64_t descriptor)
{
    struct domain *d = current->domain;
    mfn_t m = mfn(maddr >> PAGE_SHIFT);
    unsigned index = maddr / 8 % 512;
    int rc = 0;

    if (maddr % 8 != 0) {
        guest_log(d, "update_descriptor at %#lx: not on 8 bytes", maddr);
        return -XEN_EINVAL;
    }
    if (!descriptor_check(&descriptor)) {
        refuse_descriptor(m, index, descriptor);
        return -XEN_EINVAL;
    }
    paging_lock(d);
    /* A descriptor page in use can be written by the hypervisor only. */
    if (likely(type_in_use(d, &m) == TYPE_DESCRIPTOR))
        WRITE_ONCE(((uint64_t *)frame_bytes(m))[index], descriptor);
    else
        rc = write_ordinary(d, "update_descriptor", m, index, descriptor);
    paging_unlock(d);
    return rc;
}
