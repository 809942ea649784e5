/* Prototypes of all handlers, do_NAME, made from the table. */
#ifndef CORE_HYPERCALLS_H
#define CORE_HYPERCALLS_H

#include "abi/hypercalls.h"

#define HYPERCALL(name, nr, args, ...) long do_##name(ARGS_PARAMS args);
#include "abi/hypercalls.def"

#endif
