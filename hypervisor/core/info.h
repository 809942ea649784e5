/* What this hypervisor is. */
#pragma once

#include "lib/types.h"

/* The options it was started with. */
extern char hypervisor_options[];
