/* Privileged instructions that a guest's kernel executes all the same. Each is slower than the
 * hypercall or the shared memory that does the same; kernels use them in places where that does not
 * matter, or before they know better. */
#include "core/hypercall.h"
#include "cpu/cpu.h"
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

static bool emulate(struct vcpu *v, struct regs *r, const struct insn *i)
{
    uint64_t value;

    switch (i->opcode) {
    case 0x0f20: /* mov from a control register */
        if (!read_cr(v, i->reg, &value))
            return false;
        *insn_register(r, i->rm) = value;
        return true;
    case 0x0f22: /* mov to one */
        return write_cr(v, i->reg, *insn_register(r, i->rm));
    case 0x0f06: /* clts */
        fpu_set_trap(false);
        return true;
    case 0x0f32: /* rdmsr */
        if (!may_read_msr(r->rcx))
            return false;
        value = rdmsr(r->rcx);
        r->rax = (uint32_t)value;
        r->rdx = value >> 32;
        return true;
    case 0x0f30: /* wrmsr */
        return write_msr(r->rcx, r->rdx << 32 | (uint32_t)r->rax);
    case 0x0f01: /* xsetbv */
        value = r->rdx << 32 | (uint32_t)r->rax;
        return i->modrm == 0xd1 && (uint32_t)r->rcx == 0 && fpu_components &&
               value == fpu_components;
    case 0xfa ... 0xfb: /* cli, sti: events are masked in vcpu_info, they say nothing about them */
        return v->arch.pv.iopl >= 1;
    case 0x0f09: /* wbinvd */
        return true;
    default:
        return false;
    }
}

bool pv_emulate_privileged(struct vcpu *v, struct regs *r)
{
    const bool kernel = v->arch.pv.kernel_mode, ports = v->arch.pv.iopl >= (kernel ? 1 : 3);
    struct insn i;
    bool is_port;

    if ((!kernel && !ports) || r->error_code || !insn_decode(&i, r))
        return false;
    is_port = (i.opcode & ~0x0bu) == 0xe4; /* e4 .. e7, ec .. ef */
    if (is_port ? !ports : !kernel || !emulate(v, r, &i))
        return false;
    if (is_port && !(i.opcode & 2)) /* in */
        insn_set_register(&i, r, 0, UINT32_MAX);
    r->rip += i.length;
    return true;
}
