/* The entry of libFuzzer: the input is a list of records. */
#include <stddef.h>

#include "ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ops_begin();
    for (; size >= OP_BYTES; data += OP_BYTES, size -= OP_BYTES)
        ops_step(data);
    ops_end();
    return 0;
}
