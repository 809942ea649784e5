/* The hypervisor and libfdt use a part of <string.h>, which lib/string.c has. */
#pragma once

#include <string.h>
