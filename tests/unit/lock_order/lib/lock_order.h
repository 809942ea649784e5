#include "debug/lib/lock_order.h"
