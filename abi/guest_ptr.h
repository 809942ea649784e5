/* How a structure or an argument of the ABI carries a guest virtual address: eight bytes always.
 * A guest sees a pointer of the given type. The hypervisor (LAMINA_HYPERVISOR) sees a number in a
 * structure, which it can hand to its guest-copy functions but never dereference by accident. */
#ifndef ABI_GUEST_PTR_H
#define ABI_GUEST_PTR_H

#ifndef __ASSEMBLER__

#include <stdint.h>

#ifdef LAMINA_HYPERVISOR

typedef struct {
    uint64_t addr;
} guest_ptr_t;

#define GUEST_PTR(type) guest_ptr_t

static inline guest_ptr_t guest_ptr(uint64_t addr)
{
    guest_ptr_t p = {addr};

    return p;
}

/* The address `bytes` further on. It may wrap; the guest-copy functions refuse what does. */
static inline guest_ptr_t guest_ptr_at(guest_ptr_t base, uint64_t bytes)
{
    return guest_ptr(base.addr + bytes);
}

#else

#define GUEST_PTR(type) type *

#endif

#endif /* __ASSEMBLER__ */

#endif
