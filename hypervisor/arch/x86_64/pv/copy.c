/* Copies between the hypervisor and the current vCPU's guest, by virtual address. */
#include "core/arch.h"
#include "cpu/fixup.h"
#include "cpu/layout.h"

/* Outside of the part of the address space that is ours, without wrapping around. An address that
 * is not canonical faults in the copy and is caught there. */
static bool range_is_guests(uint64_t address, size_t bytes)
{
    uint64_t end;

    if (__builtin_add_overflow(address, bytes, &end))
        return false;
    return end <= RESERVED_START || address >= RESERVED_END;
}

/* False if it faulted. */
static bool copy(void *dst, const void *src, size_t bytes)
{
    uint64_t left = bytes / 8;

    __asm__ volatile("1: rep movsq\n\t"
                     "mov %3, %2\n\t"
                     "2: rep movsb\n\t"
                     "3:\n\t" FIXUP("1b", "3b") FIXUP("2b", "3b")
                     : "+D"(dst), "+S"(src), "+&c"(left)
                     : "r"(bytes % 8)
                     : "memory");
    return left == 0;
}

bool copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    return range_is_guests(src.addr, bytes) && copy(dst, (const void *)src.addr, bytes);
}

bool copy_u32_from_guest(uint32_t *dst, guest_ptr_t src)
{
    bool ok = false;

    if (unlikely(!range_is_guests(src.addr, sizeof(*dst))))
        return false;
    __asm__ volatile("1: mov %2, %%eax\n\t"
                     "mov %%eax, %1\n\t"
                     "mov $1, %k0\n\t"
                     "2:\n\t" FIXUP("1b", "2b")
                     : "+r"(ok), "=m"(*dst)
                     : "m"(*(const uint32_t *)src.addr)
                     : "eax");
    return ok;
}

bool copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    return range_is_guests(dst.addr, bytes) && copy((void *)dst.addr, src, bytes);
}
