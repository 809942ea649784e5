/* What CPUID shows of the hypervisor, to a guest that uses XEN_CPUID or whose CPUID faults. */
#ifndef ABI_CPUID_H
#define ABI_CPUID_H

/* Leaf 0: eax = last leaf of the block, ebx/ecx/edx = the signature "XenVMMXenVMM".
 * Leaf 1: eax = Xen version that the ABI is compatible with, major << 16 | minor.
 * Leaf 2: eax = number of hypercall pages, ebx = MSR that fills them in (guests without the ELF
 *         note only), ecx = XEN_CPUID_FEAT1_*.
 * Leaf 3: the TSC. Sub-leaf 0: eax = flags (bit 0: emulated, bit 1: reliable on all CPUs,
 *         bit 2: RDTSCP), ebx = mode, ecx = kHz, edx = incarnation. Sub-leaf 1: eax/ebx = offset,
 *         ecx = multiplier, edx = shift. Sub-leaf 2: eax = the host's kHz.
 * Leaf 5: ebx bits 0-7 = number of bits in a machine address. */
#define XEN_CPUID_FIRST_LEAF     0x40000000
#define XEN_CPUID_LEAF(i)        (XEN_CPUID_FIRST_LEAF + (i))
#define XEN_CPUID_MAX_NUM_LEAVES 5

#define XEN_CPUID_SIGNATURE_EBX 0x566e6558
#define XEN_CPUID_SIGNATURE_ECX 0x65584d4d
#define XEN_CPUID_SIGNATURE_EDX 0x4d4d566e

/* Leaf 2: MMU_PT_UPDATE_PRESERVE_AD works. */
#define _XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD 0
#define XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD  (1u << 0)

#define XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK 0xffu

/* The second block, where a guest sees that this is Lamina and not Xen.
 * Leaf 0: eax = last leaf of the block, ebx/ecx/edx = the signature "LaminaLamina".
 * Leaf 1: eax = newest ABI version, ebx = the version that this guest sees. */
#define LAMINA_CPUID_FIRST_LEAF     0x40000100
#define LAMINA_CPUID_LEAF(i)        (LAMINA_CPUID_FIRST_LEAF + (i))
#define LAMINA_CPUID_MAX_NUM_LEAVES 1

#define LAMINA_CPUID_SIGNATURE_EBX 0x696d614c
#define LAMINA_CPUID_SIGNATURE_ECX 0x614c616e
#define LAMINA_CPUID_SIGNATURE_EDX 0x616e696d

#endif
