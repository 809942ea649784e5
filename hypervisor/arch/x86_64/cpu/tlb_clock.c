#include "cpu/tlb.h"

struct tlb_clock tlb_clock;
