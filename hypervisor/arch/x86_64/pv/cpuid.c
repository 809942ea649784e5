/* What a guest that asks us (XEN_CPUID) sees of the processor: the processor, without what a PV
 * guest cannot use, and the hypervisor's own leaves. */
#include "abi/xen.h"
#include "core/hypercall.h"
#include "cpu/clock.h"
#include "cpu/fpu.h"
#include "cpu/insn.h"
#include "pv/pv.h"

/* Features of the machine that the hypervisor keeps to itself, or that have no meaning in ring 3.
 */
/* DTES64, MONITOR, VMX, SMX, EIST, TM2, PDCM, PCID, DCA, x2APIC, TSC-deadline */
#define LEAF1_C_HIDDEN                                                                            \
    (1u << 2 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 15 | 1u << 17 | 1u << 18 | \
     1u << 21 | 1u << 24)
#define LEAF1_C_OSXSAVE    (1u << 27)
#define LEAF1_C_HYPERVISOR (1u << 31)
/* PSE, MTRR, PGE, PAT, PSE-36, DS, ACPI */
#define LEAF1_D_HIDDEN (1u << 3 | 1u << 12 | 1u << 13 | 1u << 16 | 1u << 17 | 1u << 21 | 1u << 22)
/* SMEP, INVPCID, MPX, SMAP, Processor Trace */
#define LEAF7_B_HIDDEN (1u << 7 | 1u << 10 | 1u << 14 | 1u << 20 | 1u << 25)
/* UMIP, PKU, OSPKE, LA57 */
#define LEAF7_C_HIDDEN (1u << 2 | 1u << 3 | 1u << 4 | 1u << 16)
/* SVM */
#define EXT1_C_HIDDEN (1u << 2)
/* 1 GiB pages, RDTSCP */
#define EXT1_D_HIDDEN (1u << 26 | 1u << 27)

static void hypervisor_leaf(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    switch (leaf) {
    case XEN_CPUID_LEAF(0):
        out[0] = XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES);
        out[1] = XEN_CPUID_SIGNATURE_EBX;
        out[2] = XEN_CPUID_SIGNATURE_ECX;
        out[3] = XEN_CPUID_SIGNATURE_EDX;
        break;
    case XEN_CPUID_LEAF(1):
        out[0] = 4u << 16 | 17;
        break;
    case XEN_CPUID_LEAF(2):
        out[0] = 1;
        out[1] = 0x40000000;
        out[2] = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case XEN_CPUID_LEAF(3):
        if (sub == 0)
            out[2] = tsc_hz / 1000;
        else if (sub == 2)
            out[0] = tsc_hz / 1000;
        break;
    case LAMINA_CPUID_LEAF(0):
        out[0] = LAMINA_CPUID_LEAF(LAMINA_CPUID_MAX_NUM_LEAVES);
        out[1] = LAMINA_CPUID_SIGNATURE_EBX;
        out[2] = LAMINA_CPUID_SIGNATURE_ECX;
        out[3] = LAMINA_CPUID_SIGNATURE_EDX;
        break;
    case LAMINA_CPUID_LEAF(1):
        out[0] = LAMINA_ABI_VERSION;
        out[1] = current->domain->abi->number;
        break;
    }
}

void pv_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    out[0] = out[1] = out[2] = out[3] = 0;
    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf <= LAMINA_CPUID_FIRST_LEAF + 0xff) {
        hypervisor_leaf(leaf, sub, out);
        return;
    }
    cpuid(leaf, sub, out);
    switch (leaf) {
    case 1:
        out[1] = (out[1] & 0xffffff) | (uint32_t)v->id * 2 << 24;
        out[2] = (out[2] & ~LEAF1_C_HIDDEN) | LEAF1_C_HYPERVISOR;
        if (!fpu_components)
            out[2] &= ~LEAF1_C_OSXSAVE;
        out[3] &= ~LEAF1_D_HIDDEN;
        break;
    case 7:
        out[1] &= ~LEAF7_B_HIDDEN;
        out[2] &= ~LEAF7_C_HIDDEN;
        break;
    case 5:
    case 6:
    case 0xa:
        out[0] = out[1] = out[2] = out[3] = 0;
        break;
    case 0xd:
        if (sub == 0) {
            out[0] &= (uint32_t)fpu_components;
            out[3] &= (uint32_t)(fpu_components >> 32);
        } else if (sub > 1 && (sub >= 64 || !(fpu_components >> sub & 1))) {
            out[0] = out[1] = out[2] = out[3] = 0;
        }
        break;
    case 0x80000001:
        out[2] &= ~EXT1_C_HIDDEN;
        out[3] &= ~EXT1_D_HIDDEN;
        break;
    }
}
