#include "cpu/fixup.h"

struct fixup {
    int32_t at, to; /* relative to their own address */
};

extern const struct fixup fixup_table[], fixup_table_end[];

uint64_t fixup_find(uint64_t rip)
{
    for (const struct fixup *f = fixup_table; f < fixup_table_end; f++)
        if ((uint64_t)&f->at + f->at == rip)
            return (uint64_t)&f->to + f->to;
    return 0;
}
