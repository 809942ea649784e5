/* Copies of any length; the addresses were checked by pv/guest_access.h. */
#include "core/arch.h"

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

bool copy_from_guest_any(void *dst, uint64_t src, size_t bytes)
{
    return copy(dst, (const void *)src, bytes);
}

bool copy_to_guest_any(uint64_t dst, const void *src, size_t bytes)
{
    return copy((void *)dst, src, bytes);
}
