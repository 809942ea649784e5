/* Privileged instructions that a guest's kernel executes all the same. Each is slower than the
 * hypercall or the shared memory that does the same; kernels use them in places where that does not
 * matter, or before they know better. */
#include "core/hypercall.h"
#include "cpu/fpu.h"
#include "paging/paging.h"
#include "pv/decode.h"
#include "pv/pv.h"

/* The forced-emulation prefix (ud2a, "xen") and CPUID, as the number that its bytes make. */
#define FORCED_CPUID       0xa20f6e65780b0ful
#define FORCED_CPUID_BYTES 7

bool pv_emulate_forced(struct vcpu *v, struct regs *r)
{
    uint64_t insn = 0;
    uint32_t out[4];

    /* The eighth byte may lie on a page that is not there. */
    if (!copy_from_guest(&insn, guest_ptr(r->rip), sizeof(insn)) &&
        !copy_from_guest(&insn, guest_ptr(r->rip), FORCED_CPUID_BYTES))
        return false;
    if (insn << 8 != FORCED_CPUID << 8)
        return false;
    pv_cpuid(v, r->rax, r->rcx, out);
    r->rax = out[0];
    r->rbx = out[1];
    r->rcx = out[2];
    r->rdx = out[3];
    r->rip += FORCED_CPUID_BYTES;
    return true;
}

/* --- control registers --- */

static bool read_cr(struct vcpu *v, unsigned n, uint64_t *value)
{
    const uint64_t cr[8] = {
        [0] = read_cr0(),
        [2] = v->info->arch.cr2,
        [3] = v->arch.paging.kernel_l4.n << PAGE_SHIFT,
        /* What a guest can rely on. */
        [4] = read_cr4() &
              (CR4_DE | CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_FSGSBASE | CR4_OSXSAVE),
    };

    *value = cr[n % 8];
    return n <= 4 && n != 1;
}

/* A guest may only set what is set and clear what is clear, TS excepted. */
static bool write_cr(struct vcpu *v, unsigned n, uint64_t value)
{
    switch (n) {
    case 0:
        if ((read_cr0() ^ value) & ~CR0_TS)
            return false;
        fpu_set_trap(value & CR0_TS);
        return true;
    case 2:
        v->info->arch.cr2 = value;
        return true;
    case 3:
        return paging_new_baseptr(v, mfn(value >> PAGE_SHIFT)) == 0;
    case 4: /* Kernels set bits here that make no difference to them; none changes. */
        return true;
    default:
        return false;
    }
}

/* --- model-specific registers --- */

static bool is_base(uint32_t msr)
{
    return msr == MSR_FS_BASE || msr == MSR_GS_BASE || msr == MSR_KERNEL_GS;
}

static bool may_read_msr(uint32_t msr)
{
    return msr == MSR_EFER || msr == MSR_APIC_BASE || is_base(msr);
}

/* All but the bases only to what they are already. */
static bool write_msr(uint32_t msr, uint64_t value)
{
    return is_base(msr) ? pv_set_base(msr, value) : may_read_msr(msr) && rdmsr(msr) == value;
}

/* --- ports: there is nothing behind them --- */

#define OP_IS_PORT(opcode) (((opcode) & ~0x0bu) == 0xe4) /* e4..e7, ec..ef */
#define PORT_IS_WRITE      0x02                          /* bit of these opcodes */

static long set_iopl(struct vcpu *v, struct physdev_set_iopl *set)
{
    if (set->iopl > 3)
        return -XEN_EINVAL;
    v->arch.pv.iopl = (uint8_t)set->iopl;
    return 0;
}

static long set_iobitmap(struct vcpu *, struct physdev_set_iobitmap *set)
{
    return set->nr_ports > 65536 ? -XEN_EINVAL : 0;
}

long do_physdev_op(uint32_t cmd, guest_ptr_t arg)
{
    static const struct operation ops[] = {
        [PHYSDEVOP_set_iopl] = OPERATION(set_iopl, struct physdev_set_iopl, false),
        [PHYSDEVOP_set_iobitmap] = OPERATION(set_iobitmap, struct physdev_set_iobitmap, false),
    };

    return operation_call(__HYPERVISOR_physdev_op, ops, ARRAY_LEN(ops), cmd, current, arg);
}

/* --- the instructions --- */

#define OP_CLI         0xfa
#define OP_STI         0xfb
#define OP_GROUP7      0x0f01
#define OP_CLTS        0x0f06
#define OP_WBINVD      0x0f09
#define OP_MOV_FROM_CR 0x0f20
#define OP_MOV_TO_CR   0x0f22
#define OP_WRMSR       0x0f30
#define OP_RDMSR       0x0f32

#define MODRM_XSETBV 0xd1

static bool emulate(struct vcpu *v, struct regs *r, const struct insn *i)
{
    uint64_t value;

    switch (i->opcode) {
    case OP_MOV_FROM_CR:
        if (!read_cr(v, i->reg, &value))
            return false;
        *insn_register(r, i->rm) = value;
        return true;
    case OP_MOV_TO_CR:
        return write_cr(v, i->reg, *insn_register(r, i->rm));
    case OP_CLTS:
        fpu_set_trap(false);
        return true;
    case OP_RDMSR:
        if (!may_read_msr(r->rcx))
            return false;
        value = rdmsr(r->rcx);
        r->rax = (uint32_t)value;
        r->rdx = value >> 32;
        return true;
    case OP_WRMSR:
        return write_msr(r->rcx, r->rdx << 32 | (uint32_t)r->rax);
    case OP_GROUP7:
        value = r->rdx << 32 | (uint32_t)r->rax;
        return i->modrm == MODRM_XSETBV && (uint32_t)r->rcx == 0 && fpu_components &&
               value == fpu_components;
    case OP_CLI: /* events are masked in vcpu_info: these say nothing about them */
    case OP_STI:
        return v->arch.pv.iopl >= 1;
    case OP_WBINVD:
        return true;
    default:
        return false;
    }
}

bool pv_emulate_privileged(struct vcpu *v, struct regs *r)
{
    const bool kernel = v->arch.pv.kernel_mode, ports = v->arch.pv.iopl >= (kernel ? 1 : 3);
    struct insn i;

    if ((!kernel && !ports) || r->error_code || !insn_decode(&i, r))
        return false;
    if (OP_IS_PORT(i.opcode) ? !ports : !kernel || !emulate(v, r, &i))
        return false;
    if (OP_IS_PORT(i.opcode) && !(i.opcode & PORT_IS_WRITE))
        insn_set_register(&i, r, 0, UINT32_MAX);
    r->rip += i.length;
    return true;
}
