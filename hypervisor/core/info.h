/* What this hypervisor is. */
#pragma once

#include "lib/types.h"

/* The options it was started with. */
extern char hypervisor_options[];

/* The linker's build id; length 0: none. From the image. */
struct build_id {
    uint32_t length;
    const uint8_t *bytes;
};
extern struct build_id hypervisor_build_id;
