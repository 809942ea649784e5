/* Privileged instructions that a guest's kernel executes all the same. */
#include "abi/xen.h"
#include "core/log.h"
#include "cpu/insn.h"
#include "lib/string.h"
#include "pv/pv.h"

/* The forced-emulation prefix (ud2a, "xen") in front of CPUID. */
bool pv_emulate_forced(struct vcpu *v, struct regs *r)
{
    static const uint8_t prefixed_cpuid[] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
    uint8_t insn[sizeof(prefixed_cpuid)];
    uint32_t out[4];

    if (!copy_from_guest(insn, guest_ptr(r->rip), sizeof(insn)) ||
        memcmp(insn, prefixed_cpuid, sizeof(insn)) != 0)
        return false;
    pv_cpuid(v, r->rax, r->rcx, out);
    r->rax = out[0];
    r->rbx = out[1];
    r->rcx = out[2];
    r->rdx = out[3];
    r->rip += sizeof(insn);
    return true;
}

bool pv_emulate_privileged(struct vcpu *v, struct regs *r)
{
    (void)v, (void)r;
    return false;
}
