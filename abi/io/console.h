/* The console ring: one page between a guest and its console. `in` carries what was typed to the
 * guest, `out` what the guest prints. Indices only ever grow, and wrap at 2^32; a producer moves
 * *_prod, a consumer *_cons, and each then notifies the other through the console's event channel.
 */
#ifndef ABI_IO_CONSOLE_H
#define ABI_IO_CONSOLE_H

#ifndef __ASSEMBLER__

#include <stdint.h>

struct xencons_interface {
    char in[1024];
    char out[2048];
    uint32_t in_cons, in_prod;
    uint32_t out_cons, out_prod;
};

/* Place in the ring of an index. */
#define MASK_XENCONS_IDX(idx, ring) ((idx) & (sizeof(ring) - 1))

#endif /* __ASSEMBLER__ */

#endif
