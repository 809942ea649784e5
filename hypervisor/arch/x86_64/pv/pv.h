/* The paravirtual guest's processor: entries to its kernel and returns from it. */
#pragma once

#include "core/domain.h"
#include "cpu/insn.h"
#include "cpu/regs.h"

/* Switches between the guest's kernel and user mode: page tables and GS base. */
void pv_toggle_mode(struct vcpu *v);

/* Emulates the instruction at rip that raised #GP or #UD. True: done, rip is past it. */
bool pv_emulate_privileged(struct vcpu *v, struct regs *r);
bool pv_emulate_forced(struct vcpu *v, struct regs *r);

/* The same for a write to a page table that faulted at `address`. */
bool pv_direct_write(struct vcpu *v, struct regs *r, uint64_t address);

/* What the guest sees of CPUID. */
void pv_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4]);

/* Reads a segment selector register, or loads it from the guest's value: 0 if that faults. */
void pv_save_segments(struct vcpu *v);
void pv_load_segments(struct vcpu *v);
/* Writes one of the MSRs that hold a segment base. False: it is not canonical. */
bool pv_set_base(uint32_t msr, uint64_t base);

static inline bool canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* The guest chose the selector; the privilege level in it is always 3. */
static inline uint16_t guest_code_selector(uint64_t sel)
{
    return (uint16_t)sel | 3;
}

/* What of the flags that a guest names it gets. */
static inline uint64_t guest_rflags(uint64_t rflags)
{
    return (rflags & ~(RFLAGS_IOPL | RFLAGS_VM)) | RFLAGS_IF | RFLAGS_FIXED;
}

/* Entry points for entry.S and cpu/. */
void deliver_upcall(struct regs *r);
void bounce_syscall(struct regs *r);
void bounce_syscall32(struct regs *r);
void bad_iret_frame(struct regs *r);
void guest_work(void);

/* Makes a vCPU ready for its first run. */
void pv_vcpu_start(struct vcpu *v, uint64_t rip, uint64_t rsp, uint64_t rsi);

/* Builds a domain, at boot: one that domain_start can start, or NULL: one line was logged, nothing
 * is left behind. */
struct domain *build_domain(const struct domain_config *config);
