/* What a guest that asks us (XEN_CPUID) sees of the processor: the processor, without what a PV
 * guest cannot use, and the hypervisor's own leaves. */
#include "core/hypercall.h"
#include "cpu/clock.h"
#include "cpu/cpu.h"
#include "lib/string.h"
#include "pv/pv.h"

/* Features of the machine that the hypervisor keeps to itself, or that have no meaning in ring 3:
 * bits to clear, by leaf. */
static const struct {
    uint32_t leaf, bits[4];
} hidden[] = {
    /* c: DTES64, MONITOR, VMX, SMX, EIST, TM2, PDCM, PCID, DCA, x2APIC, TSC-deadline
     * d: PSE, MTRR, PGE, PAT, PSE-36, DS, ACPI */
    {1, {[2] = 0x012681ec, [3] = 0x00633008}},
    {5, {~0u, ~0u, ~0u, ~0u}},   /* MONITOR */
    {6, {~0u, ~0u, ~0u, ~0u}},   /* temperature and power */
    {0xa, {~0u, ~0u, ~0u, ~0u}}, /* performance counters */
    /* b: SMEP, INVPCID, MPX, SMAP, Processor Trace; c: UMIP, PKU, OSPKE, LA57 */
    {7, {[1] = 0x02104480, [2] = 0x0001001c}},
    /* c: SVM; d: 1 GiB pages, RDTSCP */
    {0x80000001, {[2] = 0x00000004, [3] = 0x0c000000}},
};

/* By block and leaf; what these do not say is added, and the rest is 0. */
static void hypervisor_leaf(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    static const uint32_t leaves[2][3][4] = {
        {{XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES), XEN_CPUID_SIGNATURE_EBX,
          XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX},
         {4u << 16 | 17},
         {1, 0x40000000, XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD}},
        {{LAMINA_CPUID_LEAF(LAMINA_CPUID_MAX_NUM_LEAVES), LAMINA_CPUID_SIGNATURE_EBX,
          LAMINA_CPUID_SIGNATURE_ECX, LAMINA_CPUID_SIGNATURE_EDX},
         {LAMINA_ABI_VERSION}},
    };

    if (leaf % 0x100 < 3)
        memcpy(out, leaves[leaf / 0x100 % 2][leaf % 0x100], 4 * sizeof(*out));
    if (leaf == LAMINA_CPUID_LEAF(1))
        out[1] = current->domain->abi->number;
    if (leaf == XEN_CPUID_LEAF(3) && (sub == 0 || sub == 2))
        out[2 - sub] = tsc_hz / 1000;
}

void pv_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof(*out));
    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf <= LAMINA_CPUID_FIRST_LEAF + 0xff) {
        hypervisor_leaf(leaf, sub, out);
        return;
    }
    if (leaf == 0xd && sub > 1 && (sub >= 64 || !(fpu_components >> sub & 1)))
        return;
    cpuid(leaf, sub, out);
    for (unsigned i = 0; i < ARRAY_LEN(hidden); i++)
        for (unsigned j = 0; j < 4 && hidden[i].leaf == leaf; j++)
            out[j] &= ~hidden[i].bits[j];
    if (leaf == 1) {
        out[1] = (out[1] & 0xffffff) | (uint32_t)v->id * 2 << 24;
        out[2] |= 1u << 31; /* there is a hypervisor */
        if (!fpu_components)
            out[2] &= ~(1u << 27); /* OSXSAVE */
    } else if (leaf == 0xd && sub == 0) {
        out[0] &= (uint32_t)fpu_components;
        out[3] &= (uint32_t)(fpu_components >> 32);
    }
}
