/* Processors on which a guest can read memory that its page tables do not let it. */
#pragma once

/* What is wrong with this CPU, for a message; NULL: nothing known. The hypervisor's mappings are in
 * every guest's tables, so on a CPU with Meltdown or L1TF they are readable. */
const char *cpu_leak(void);
