/* What the PV ABI fixes about the processor: the hypervisor's part of the address space, segments,
 * descriptor tables, traps, and the register frames that both sides exchange. */
#ifndef ABI_ARCH_X86_64_H
#define ABI_ARCH_X86_64_H

/* --- address space --- */

/* The hypervisor's hole: L4 slots 256 to 271. A guest's page tables must leave these entries alone;
 * every other slot, the upper ones included, is the guest's. END is one past the last byte. */
#define HYPERVISOR_VIRT_START 0xffff800000000000
#define HYPERVISOR_VIRT_END   0xffff880000000000

/* The machine-to-physical table at the start of the hole: 8 bytes for each machine frame, the pfn
 * that its owner gave it with MMU_MACHPHYS_UPDATE. Guests can read it. Not all of it is backed by
 * memory: frames above XENMEM_maximum_ram_page may fault. */
#define MACH2PHYS_VIRT_START 0xffff800000000000
#define MACH2PHYS_VIRT_END   0xffff804000000000
#define MACH2PHYS_NR_ENTRIES ((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)

/* --- segments --- */

/* A guest's GDT occupies pages 0 to 13 of the 16 that a GDT can have. The rest is the hypervisor's
 * and holds the flat segments below, so they can be loaded at any time. */
#define FIRST_RESERVED_GDT_PAGE  14
#define FIRST_RESERVED_GDT_BYTE  (FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8)

/* Flat segments for ring 3, where both the guest's kernel and its user programs run. */
#define FLAT_RING3_CS32 0xe023
#define FLAT_RING3_CS64 0xe033
#define FLAT_RING3_DS32 0xe02b
#define FLAT_RING3_DS64 0x0000 /* the null selector is enough in 64-bit code */
#define FLAT_RING3_SS32 0xe02b
#define FLAT_RING3_SS64 0xe02b

#define FLAT_KERNEL_CS64 FLAT_RING3_CS64
#define FLAT_KERNEL_CS32 FLAT_RING3_CS32
#define FLAT_KERNEL_CS   FLAT_KERNEL_CS64
#define FLAT_KERNEL_DS64 FLAT_RING3_DS64
#define FLAT_KERNEL_DS32 FLAT_RING3_DS32
#define FLAT_KERNEL_DS   FLAT_KERNEL_DS64
#define FLAT_KERNEL_SS64 FLAT_RING3_SS64
#define FLAT_KERNEL_SS32 FLAT_RING3_SS32
#define FLAT_KERNEL_SS   FLAT_KERNEL_SS64

#define FLAT_USER_CS64 FLAT_RING3_CS64
#define FLAT_USER_CS32 FLAT_RING3_CS32
#define FLAT_USER_CS   FLAT_USER_CS64
#define FLAT_USER_DS64 FLAT_RING3_DS64
#define FLAT_USER_DS32 FLAT_RING3_DS32
#define FLAT_USER_DS   FLAT_USER_DS64
#define FLAT_USER_SS64 FLAT_RING3_SS64
#define FLAT_USER_SS32 FLAT_RING3_SS32
#define FLAT_USER_SS   FLAT_USER_SS64

/* set_segment_base: which base to set. GS_USER is the one that is active in user mode; GS_USER_SEL
 * loads a selector into the user-mode GS instead, its base coming from the descriptor. */
#define SEGBASE_FS          0
#define SEGBASE_GS_USER     1
#define SEGBASE_GS_KERNEL   2
#define SEGBASE_GS_USER_SEL 3

/* --- flags of struct vcpu_guest_context and struct iret_context --- */

#define _VGCF_i387_valid               0
#define VGCF_i387_valid                (1 << _VGCF_i387_valid)
#define VGCF_I387_VALID                (1 << 0)
#define _VGCF_in_kernel                2
#define VGCF_in_kernel                 (1 << _VGCF_in_kernel)
#define VGCF_IN_KERNEL                 (1 << 2)
#define _VGCF_failsafe_disables_events 3
#define VGCF_failsafe_disables_events  (1 << _VGCF_failsafe_disables_events)
#define _VGCF_syscall_disables_events  4
#define VGCF_syscall_disables_events   (1 << _VGCF_syscall_disables_events)
#define _VGCF_online                   5
#define VGCF_online                    (1 << _VGCF_online)
/* iret_context only: the return is to user mode by SYSRET, so rcx and r11 are not restored. */
#define _VGCF_in_syscall 8
#define VGCF_in_syscall  (1 << _VGCF_in_syscall)
#define VGCF_IN_SYSCALL  VGCF_in_syscall

/* --- limits --- */

/* vCPUs that have a vcpu_info in the shared page; the others register one of their own. */
#define XEN_LEGACY_MAX_VCPUS 32

/* Number of entries of the trap table, and of struct vcpu_guest_context's copy of it. */
#define LAMINA_NR_VECTORS 256

/* --- forced emulation --- */

/* Put before CPUID (and nothing else), the five bytes ask the hypervisor for its answer instead of
 * the processor's: ud2a, then "xen". Without a hypervisor they raise #UD. */
#ifdef __ASSEMBLER__
#define XEN_EMULATE_PREFIX .byte 0x0f, 0x0b, 0x78, 0x65, 0x6e;
#define XEN_CPUID          XEN_EMULATE_PREFIX cpuid
#else
#define XEN_EMULATE_PREFIX ".byte 0x0f,0x0b,0x78,0x65,0x6e ; "
#define XEN_CPUID          XEN_EMULATE_PREFIX "cpuid"
#endif

#ifndef __ASSEMBLER__

#include <stdint.h>

/* One entry of set_trap_table: where exceptions of this vector enter the guest's kernel. The table
 * ends at an entry with address 0. */
struct trap_info {
    uint8_t vector;
    uint8_t flags; /* bits 0-1: ring that may raise it by INT n; bit 2: enter with events masked */
    uint16_t cs;
    uint64_t address;
};

#define TI_GET_DPL(ti)       ((ti)->flags & 3)
#define TI_GET_IF(ti)        ((ti)->flags & 4)
#define TI_SET_DPL(ti, dpl)  ((ti)->flags |= (dpl))
#define TI_SET_IF(ti, masks) ((ti)->flags |= ((masks) ? 4 : 0))

/* General registers as VCPUOP_initialise takes them. cs, ss and so on are selectors. */
struct cpu_user_regs {
    uint64_t r15;
    uint64_t r14;
    uint64_t r13;
    uint64_t r12;
    uint64_t rbp;
    uint64_t rbx;
    uint64_t r11;
    uint64_t r10;
    uint64_t r9;
    uint64_t r8;
    uint64_t rax;
    uint64_t rcx;
    uint64_t rdx;
    uint64_t rsi;
    uint64_t rdi;
    uint32_t error_code;   /* private to the hypervisor */
    uint32_t entry_vector; /* private to the hypervisor */
    uint64_t rip;
    uint16_t cs, _pad0[1];
    uint8_t saved_upcall_mask;
    uint8_t _pad1[3];
    uint64_t rflags; /* IF is ignored: events are masked in vcpu_info */
    uint64_t rsp;
    uint16_t ss, _pad2[3];
    uint16_t es, _pad3[3];
    uint16_t ds, _pad4[3];
    uint16_t fs, _pad5[3];
    uint16_t gs, _pad6[3];
};

/* The whole state of a vCPU that is brought up with VCPUOP_initialise. */
struct vcpu_guest_context {
    struct {
        char x[512]; /* FXSAVE image; used only with VGCF_i387_valid */
    } fpu_ctxt;
    uint64_t flags; /* VGCF_* */
    struct cpu_user_regs user_regs;
    struct trap_info trap_ctxt[LAMINA_NR_VECTORS];
    uint64_t ldt_base, ldt_ents;       /* virtual address; number of descriptors */
    uint64_t gdt_frames[16], gdt_ents; /* mfns; number of descriptors */
    uint64_t kernel_ss, kernel_sp;     /* stack for entries from user mode, as stack_switch sets */
    uint64_t ctrlreg[8];               /* [0] CR0.TS, [1] user CR3, [3] kernel CR3, [4] CR4 */
    uint64_t debugreg[8];
    uint64_t event_callback_eip; /* the three of set_callbacks */
    uint64_t failsafe_callback_eip;
    uint64_t syscall_callback_eip;
    uint64_t vm_assist; /* bits 1 << VMASST_TYPE_* */
    uint64_t fs_base;
    uint64_t gs_base_kernel;
    uint64_t gs_base_user;
};

/* CR3 values inside vcpu_guest_context. */
#define xen_pfn_to_cr3(pfn) ((uint64_t)(pfn) << 12)
#define xen_cr3_to_pfn(cr3) ((uint64_t)(cr3) >> 12)

/* What lies at the guest's stack pointer when it makes the iret hypercall, lowest address first.
 * rax, rcx and r11 are restored from here (the last two not with VGCF_in_syscall). */
struct iret_context {
    uint64_t rax, r11, rcx;
    uint64_t flags; /* 0 or VGCF_in_syscall */
    uint64_t rip, cs, rflags, rsp, ss;
};

/* The architecture's part of struct vcpu_info. */
struct arch_vcpu_info {
    uint64_t cr2; /* address of the last page fault, written before the fault is delivered */
    uint64_t pad;
};

/* The architecture's part of struct shared_info: all written by the guest, for tools and dumps,
 * except nmi_reason. */
struct arch_shared_info {
    uint64_t max_pfn;                    /* one past the last pfn in the p2m */
    uint64_t pfn_to_mfn_frame_list_list; /* mfn of the p2m tree's top, or all ones with p2m_cr3 */
    uint64_t nmi_reason;
    uint64_t p2m_cr3;        /* CR3 value whose tables map p2m_vaddr; 0: the tree above is valid */
    uint64_t p2m_vaddr;      /* the p2m as one array, virtual */
    uint64_t p2m_generation; /* odd while the guest changes the mapping of the p2m */
};

#endif /* __ASSEMBLER__ */

#endif
