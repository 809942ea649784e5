#include "debug/core/hypercall_replace.h"

static bool exists(unsigned nr, uint32_t version)
{
    switch (nr) {
#define HYPERCALL(name, number, args, select, first, last, ...) \
    case number:                                                \
        return ABI_HAS(first, last, version);
#include "abi/hypercalls.def"
    default:
        return false;
    }
}

hypercall_t hypercall_replace(unsigned nr, hypercall_t by)
{
    hypercall_t was = NULL;

    for (uint32_t version = 1; version <= LAMINA_ABI_VERSION; version++)
        if (exists(nr, version)) {
            /* Constant for everybody else. */
            hypercall_t *place = (hypercall_t *)&abi_version_find(version)->call[nr];

            was = *place;
            *place = by;
        }
    return was;
}
