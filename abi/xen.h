/* The ABI, all of it: the one header to include. Numbers of the hypercalls, and the structures and
 * constants that belong to no single call's header. What each call takes, answers and refuses is in
 * abi/hypercalls.def, from which docs/abi.md is made.
 *
 * Everything keeps the names and the layout of Xen's PV ABI. Frame numbers: an mfn names a page of
 * the machine, a pfn a page of the guest's own numbering; where Xen says gfn or gmfn, a PV guest
 * gives an mfn. "System time" is nanoseconds since the hypervisor booted. */
#ifndef ABI_XEN_H
#define ABI_XEN_H

#include "abi/guest_ptr.h"
#include "abi/errno.h"
#include "abi/arch-x86_64.h"
#include "abi/cpuid.h"
#include "abi/features.h"
#include "abi/elfnote.h"
#include "abi/callback.h"
#include "abi/event_channel.h"
#include "abi/grant_table.h"
#include "abi/lamina.h"
#include "abi/memory.h"
#include "abi/domctl.h"
#include "abi/physdev.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/version.h"
#include "abi/io/console.h"

/* --- hypercalls ---
 * Number in rax, arguments in rdi, rsi, rdx, r10, r8, r9; the result comes in rax, rcx and r11 are
 * lost. Entry n of the hypercall page, 32 bytes each, makes call n. */

#define __HYPERVISOR_set_trap_table                0
#define __HYPERVISOR_mmu_update                    1
#define __HYPERVISOR_set_gdt                       2
#define __HYPERVISOR_stack_switch                  3
#define __HYPERVISOR_set_callbacks                 4
#define __HYPERVISOR_fpu_taskswitch                5
#define __HYPERVISOR_sched_op_compat               6
#define __HYPERVISOR_platform_op                   7
#define __HYPERVISOR_set_debugreg                  8
#define __HYPERVISOR_get_debugreg                  9
#define __HYPERVISOR_update_descriptor             10
#define __HYPERVISOR_memory_op                     12
#define __HYPERVISOR_multicall                     13
#define __HYPERVISOR_update_va_mapping             14
#define __HYPERVISOR_set_timer_op                  15
#define __HYPERVISOR_event_channel_op_compat       16
#define __HYPERVISOR_xen_version                   17
#define __HYPERVISOR_console_io                    18
#define __HYPERVISOR_physdev_op_compat             19
#define __HYPERVISOR_grant_table_op                20
#define __HYPERVISOR_vm_assist                     21
#define __HYPERVISOR_update_va_mapping_otherdomain 22
#define __HYPERVISOR_iret                          23
#define __HYPERVISOR_vcpu_op                       24
#define __HYPERVISOR_set_segment_base              25
#define __HYPERVISOR_mmuext_op                     26
#define __HYPERVISOR_xsm_op                        27
#define __HYPERVISOR_nmi_op                        28
#define __HYPERVISOR_sched_op                      29
#define __HYPERVISOR_callback_op                   30
#define __HYPERVISOR_xenoprof_op                   31
#define __HYPERVISOR_event_channel_op              32
#define __HYPERVISOR_physdev_op                    33
#define __HYPERVISOR_hvm_op                        34
#define __HYPERVISOR_sysctl                        35
#define __HYPERVISOR_domctl                        36
#define __HYPERVISOR_kexec_op                      37
#define __HYPERVISOR_tmem_op                       38
#define __HYPERVISOR_argo_op                       39
#define __HYPERVISOR_xenpmu_op                     40
#define __HYPERVISOR_dm_op                         41
#define __HYPERVISOR_hypfs_op                      42
/* Reserved for the architecture; Lamina's own call is the last of them (abi/lamina.h). */
#define __HYPERVISOR_arch_0 48
#define __HYPERVISOR_arch_1 49
#define __HYPERVISOR_arch_2 50
#define __HYPERVISOR_arch_3 51
#define __HYPERVISOR_arch_4 52
#define __HYPERVISOR_arch_5 53
#define __HYPERVISOR_arch_6 54
#define __HYPERVISOR_arch_7 55

/* --- virtual interrupts: event sources of the hypervisor, for EVTCHNOP_bind_virq --- */

#define VIRQ_TIMER      0 /* per vCPU: its timer */
#define VIRQ_DEBUG      1 /* per vCPU: someone asks the guest to print its state */
#define VIRQ_CONSOLE    2 /* global: input for console_io read */
#define VIRQ_DOM_EXC    3 /* global: a domain has shut down */
#define VIRQ_TBUF       4
#define VIRQ_DEBUGGER   6
#define VIRQ_XENOPROF   7
#define VIRQ_CON_RING   8
#define VIRQ_PCPU_STATE 9
#define VIRQ_MEM_EVENT  10
#define VIRQ_ARGO       11
#define VIRQ_ENOMEM     12
#define VIRQ_XENPMU     13
#define VIRQ_ARCH_0     16
#define VIRQ_ARCH_1     17
#define VIRQ_ARCH_2     18
#define VIRQ_ARCH_3     19
#define VIRQ_ARCH_4     20
#define VIRQ_ARCH_5     21
#define VIRQ_ARCH_6     22
#define VIRQ_ARCH_7     23
#define NR_VIRQS        24

/* --- page tables --- */

/* mmu_update: kind of an update, in the low three bits of mmu_update.ptr. */
#define MMU_NORMAL_PT_UPDATE       0 /* write val to the entry at machine address ptr */
#define MMU_MACHPHYS_UPDATE        1 /* the frame of machine address ptr is now pfn val in the M2P */
#define MMU_PT_UPDATE_PRESERVE_AD  2 /* as 0, but keep the entry's accessed and dirty bits */
#define MMU_PT_UPDATE_NO_TRANSLATE 3

#define MMUEXT_PIN_L1_TABLE       0
#define MMUEXT_PIN_L2_TABLE       1
#define MMUEXT_PIN_L3_TABLE       2
#define MMUEXT_PIN_L4_TABLE       3
#define MMUEXT_UNPIN_TABLE        4
#define MMUEXT_NEW_BASEPTR        5
#define MMUEXT_TLB_FLUSH_LOCAL    6
#define MMUEXT_INVLPG_LOCAL       7
#define MMUEXT_TLB_FLUSH_MULTI    8
#define MMUEXT_INVLPG_MULTI       9
#define MMUEXT_TLB_FLUSH_ALL      10
#define MMUEXT_INVLPG_ALL         11
#define MMUEXT_FLUSH_CACHE        12
#define MMUEXT_SET_LDT            13
#define MMUEXT_NEW_USER_BASEPTR   15
#define MMUEXT_CLEAR_PAGE         16
#define MMUEXT_COPY_PAGE          17
#define MMUEXT_FLUSH_CACHE_GLOBAL 18
#define MMUEXT_MARK_SUPER         19
#define MMUEXT_UNMARK_SUPER       20

/* update_va_mapping: what to flush afterwards, and where. The value is one of NONE, TLB_FLUSH and
 * INVLPG, plus one of LOCAL, ALL, or the address of a vCPU bitmap (8-aligned) with MULTI. */
#define UVMF_NONE           0
#define UVMF_TLB_FLUSH      1
#define UVMF_INVLPG         2
#define UVMF_FLUSHTYPE_MASK 3
#define UVMF_MULTI          0
#define UVMF_LOCAL          0
#define UVMF_ALL            4

/* --- console_io and vm_assist --- */

#define CONSOLEIO_write 0
#define CONSOLEIO_read  1

#define VMASST_CMD_enable  0
#define VMASST_CMD_disable 1

#define VMASST_TYPE_4gb_segments        0 /* 32-bit guests; accepted, no effect */
#define VMASST_TYPE_4gb_segments_notify 1 /* 32-bit guests; accepted, no effect */
#define VMASST_TYPE_writable_pagetables 2 /* writes to page tables trap and are emulated */
#define VMASST_TYPE_pae_extended_cr3    3 /* 32-bit guests */
#define VMASST_TYPE_architectural_iopl  4 /* IOPL is the one in the guest's flags */
#define VMASST_TYPE_runstate_update_flag \
    5                             /* XEN_RUNSTATE_UPDATE marks runstate areas being written */
#define VMASST_TYPE_m2p_strict 32 /* the M2P is not mapped in user page tables */

/* --- domain ids: 15 bits; those from FIRST_RESERVED on have a meaning of their own --- */

#define DOMID_FIRST_RESERVED 0x7ff0
#define DOMID_SELF           0x7ff0 /* the caller */
#define DOMID_IO             0x7ff1 /* owner of device memory */
#define DOMID_XEN            0x7ff2 /* owner of the hypervisor's own pages */
#define DOMID_COW            0x7ff3
#define DOMID_INVALID        0x7ff4
#define DOMID_IDLE           0x7fff
#define DOMID_MASK           0x7fff

/* --- start of day --- */

/* start_info.flags */
#define SIF_PRIVILEGED      (1 << 0) /* the domain has privileges */
#define SIF_INITDOMAIN      (1 << 1) /* the domain controls the machine; console.dom0 is valid */
#define SIF_MULTIBOOT_MOD   (1 << 2) /* mod_start points to a list of modules */
#define SIF_MOD_START_PFN   (1 << 3) /* mod_start is a pfn, not an address */
#define SIF_VIRT_P2M_4TOOLS (1 << 4) /* p2m_vaddr of arch_shared_info suffices, no tree needed */
#define SIF_PM_MASK         (0xff << 8)

#define MAX_GUEST_CMDLINE 1024 /* bytes, NUL included */

/* vcpu_time_info.flags */
#define XEN_PVCLOCK_TSC_STABLE_BIT (1 << 0) /* the clocks of all vCPUs agree */
#define XEN_PVCLOCK_GUEST_STOPPED  (1 << 1)

#ifndef __ASSEMBLER__

#include <stdint.h>

/* mmu_update */
struct mmu_update {
    uint64_t ptr; /* machine address, 8-aligned, plus MMU_* */
    uint64_t val; /* page-table entry, or pfn */
};

/* mmuext_op: which of the unions' members a command uses is in the reference. */
struct mmuext_op {
    uint32_t cmd; /* MMUEXT_* */
    union {
        uint64_t mfn;
        uint64_t linear_addr;
    } arg1;
    union {
        uint32_t nr_ents;
        GUEST_PTR(const void) vcpumask; /* bitmap, one bit a vCPU, in 8-byte words */
        uint64_t src_mfn;
    } arg2;
};

/* multicall */
struct multicall_entry {
    uint64_t op;     /* hypercall number */
    uint64_t result; /* out: what the call returned */
    uint64_t args[6];
};

/* A vCPU's clock. System time now is
 *   system_time + ((tsc - tsc_timestamp) shifted left by tsc_shift) * tsc_to_system_mul / 2^32,
 * valid if version was even, and the same before and after reading. */
struct vcpu_time_info {
    uint32_t version; /* odd while the hypervisor writes */
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time; /* nanoseconds at tsc_timestamp */
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift; /* negative: shift right */
    uint8_t flags;    /* XEN_PVCLOCK_* */
    uint8_t pad1[2];
};

/* What hypervisor and vCPU tell each other about events. */
struct vcpu_info {
    uint8_t evtchn_upcall_pending; /* set by the hypervisor, cleared by the guest */
    uint8_t evtchn_upcall_mask;    /* not 0: no upcall; the guest's "interrupts off" */
    uint64_t evtchn_pending_sel;   /* bit n: look at word n of evtchn_pending */
    struct arch_vcpu_info arch;
    struct vcpu_time_info time;
};

/* The page that a domain shares with the hypervisor; its machine address is in start_info. */
struct shared_info {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    uint64_t evtchn_pending[64]; /* one bit a port */
    uint64_t evtchn_mask[64];    /* set: the port raises no upcall */
    uint32_t wc_version;         /* odd while the hypervisor writes the wall clock */
    uint32_t wc_sec;             /* wall clock at system time 0: seconds since 1970, low half */
    uint32_t wc_nsec;
    uint32_t wc_sec_hi;
    struct arch_shared_info arch;
};

/* What the guest's kernel finds at the address in rsi when it starts. */
struct start_info {
    char magic[32];       /* "xen-3.0-x86_64" */
    uint64_t nr_pages;    /* pages of the domain */
    uint64_t shared_info; /* machine address of struct shared_info */
    uint32_t flags;       /* SIF_* */
    uint64_t store_mfn;   /* xenstore's ring; 0: none */
    uint32_t store_evtchn;
    union {
        struct {
            uint64_t mfn; /* struct xencons_interface */
            uint32_t evtchn;
        } domU;
        struct {
            uint32_t info_off;
            uint32_t info_size;
        } dom0;
    } console;
    uint64_t pt_base;      /* virtual address of the L4 table; the other tables follow it */
    uint64_t nr_pt_frames; /* pages of them */
    uint64_t mfn_list;     /* virtual address of the p2m: mfns, indexed by pfn */
    uint64_t mod_start;    /* ramdisk: virtual address, or pfn with SIF_MOD_START_PFN; 0: none */
    uint64_t mod_len;      /* its bytes */
    int8_t cmd_line[MAX_GUEST_CMDLINE];
    uint64_t first_p2m_pfn; /* pages that hold the p2m, if it lies outside the initial mapping */
    uint64_t nr_p2m_frames;
};

#endif /* __ASSEMBLER__ */

#endif
