/* What pv/ keeps for each domain and vCPU. */
#pragma once

#include "lib/types.h"
#include "abi/xen.h"

struct regs;

/* An address that the guest registered to be entered at; 0: none. */
struct callback {
    uint64_t address;
    bool mask_events;
};

#define NR_CALLBACKS 8

struct pv_vcpu {
    bool nmi_blocked;   /* one is being handled: until the iret hypercall */
    bool nmi_waits;     /* another one came meanwhile */
    bool kernel_mode;   /* the guest is in its kernel (its own notion: both run in ring 3) */
    uint8_t iopl;       /* from 1 on its kernel may use I/O ports, from 3 on its user mode too */
    uint64_t kernel_sp; /* where entries from its user mode go */
    struct regs *regs;  /* its registers, at the top of the hypervisor stack */
    uint64_t stack_rsp; /* hypervisor stack pointer while switched out */
    void *stack;
    void *fpu;                              /* while switched out; a page */
    struct trap_info *traps;                /* by vector; a page */
    struct callback callback[NR_CALLBACKS]; /* by CALLBACKTYPE_* */
    /* while switched out; while it runs they are in the processor */
    uint64_t fs_base, gs_base, gs_base_other; /* other: of the mode (kernel, user) it is not in */
    uint16_t ds, es, fs, gs;
    bool fpu_trap; /* its CR0.TS */
};
