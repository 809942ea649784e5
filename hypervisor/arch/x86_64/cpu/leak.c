#include "cpu/cpu.h"
#include "cpu/insn.h"

#define VENDOR_INTEL_B 0x756e6547u /* "Genu" */

#define MSR_ARCH_CAPABILITIES 0x10au
#define ARCH_CAP_RDCL_NO      1ul /* neither Meltdown nor L1TF */

const char *cpu_leak(void)
{
    uint32_t r[4];

    cpuid(0, 0, r);
    if (r[1] != VENDOR_INTEL_B)
        return NULL;
    if (r[0] >= 7) {
        cpuid(7, 0, r);
        if (r[3] & 1u << 29 && rdmsr(MSR_ARCH_CAPABILITIES) & ARCH_CAP_RDCL_NO)
            return NULL;
    }
    return "this CPU is open to Meltdown and L1TF";
}
