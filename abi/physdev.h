/* physdev_op: the two that a kernel without hardware access makes as well. */
#ifndef ABI_PHYSDEV_H
#define ABI_PHYSDEV_H

#define PHYSDEVOP_set_iopl     6
#define PHYSDEVOP_set_iobitmap 7

#ifndef __ASSEMBLER__

#include <stdint.h>
#include "abi/guest_ptr.h"

/* PHYSDEVOP_set_iopl */
struct physdev_set_iopl {
    uint32_t iopl; /* 0 to 3 */
};

/* PHYSDEVOP_set_iobitmap: which ports user mode may use, one bit each, clear = allowed. */
struct physdev_set_iobitmap {
    GUEST_PTR(uint8_t) bitmap;
    uint32_t nr_ports; /* at most 65,536 */
};

#endif /* __ASSEMBLER__ */

#endif
