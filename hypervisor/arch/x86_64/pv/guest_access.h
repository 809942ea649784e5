/* core/arch.h's copies from and to guests, inline for the small fixed sizes of hypercall arguments.
 *
 * Only the first address is checked: it must be in the guest's lower half or above our block.
 * Emulated processors do not fault at addresses between the halves but wrap them into our block, so
 * those are refused here. A copy goes upwards and is much shorter than the M2P, which lies above
 * the lower half and which guests may read and nobody can write there.
 *
 * Where L4 tables may name themselves, in the lower half's last slot, addresses of that slot are
 * refused too: our own slots can be reached through it, by us if not by the guest. */
#pragma once

#include "abi/guest_ptr.h"
#include "cpu/fixup.h"
#include "cpu/layout.h"
#include "cpu/stack.h"
#include "lib/types.h"

/* Counted from the end of our block, the guest's addresses are one range: its upper half, then the
 * lower one as far as it may use that. */
#define GUEST_LIMIT(lower_end) ((lower_end)-RESERVED_END)

static inline bool guest_address(uint64_t address)
{
    return likely(address - RESERVED_END < stack_top()->guest_limit);
}

/* The rest in asm goto: the fault's way out costs the good case nothing. */
#define GUEST_READ(value, address, insn, fault)                         \
    __asm__ goto("1: " insn " %1, %0\n\t" FIXUP("1b", "%l[" #fault "]") \
                 : "=r"(value)                                          \
                 : "m"(*(const __typeof__(value) *)(address))           \
                 : "memory"                                             \
                 : fault)
#define GUEST_WRITE(value, address, insn, fault)                          \
    __asm__ goto("1: " insn " %0, %1\n\t" FIXUP("1b", "%l[" #fault "]")   \
                 :                                                        \
                 : "r"(value), "m"(*(const __typeof__(value) *)(address)) \
                 : "memory"                                               \
                 : fault)

/* Of any length, in either direction. False: it faulted. */
bool guest_copy(void *dst, const void *src, size_t bytes);

#define INLINE_BYTES_MAX 72

static inline __attribute__((always_inline)) bool copy_from_guest(void *dst, guest_ptr_t src,
                                                                  size_t bytes)
{
    char *to = dst;
    uint64_t from = src.addr;

    if (!guest_address(from))
        return false;
    if (!__builtin_constant_p(bytes) || bytes > INLINE_BYTES_MAX || bytes % 4)
        return guest_copy(dst, (const void *)from, bytes);
#pragma GCC unroll 9
    for (size_t i = 0; i < bytes / 8; i++) {
        uint64_t word;

        GUEST_READ(word, from + 8 * i, "mov", fault);
        *(uint64_t *)(to + 8 * i) = word;
    }
    if (bytes % 8) {
        uint32_t half;

        GUEST_READ(half, from + bytes - 4, "mov", fault);
        *(uint32_t *)(to + bytes - 4) = half;
    }
    return true;
fault:
    return false;
}

static inline __attribute__((always_inline)) bool copy_to_guest(guest_ptr_t dst, const void *src,
                                                                size_t bytes)
{
    const char *from = src;
    uint64_t to = dst.addr;

    if (!guest_address(to))
        return false;
    if (!__builtin_constant_p(bytes) || bytes > INLINE_BYTES_MAX || (bytes % 4 && bytes != 2))
        return guest_copy((void *)to, src, bytes);
    if (bytes == 2) {
        GUEST_WRITE(*(const uint16_t *)from, to, "mov", fault);
        return true;
    }
#pragma GCC unroll 9
    for (size_t i = 0; i < bytes / 8; i++)
        GUEST_WRITE(*(const uint64_t *)(from + 8 * i), to + 8 * i, "mov", fault);
    if (bytes % 8)
        GUEST_WRITE(*(const uint32_t *)(from + bytes - 4), to + bytes - 4, "mov", fault);
    return true;
fault:
    return false;
}
