/* The battery clock. */
#pragma once

#include "lib/types.h"

/* Seconds since 1970, for a date from 2000 to 2099; 0 if it shows none, as with an empty battery.
 */
uint64_t rtc_read(void);
