/* Copies of any length; the addresses were checked by pv/guest_access.h. */
#include "core/arch.h"

bool guest_copy(void *dst, const void *src, size_t bytes)
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
