/* Segment registers and bases. */
#include "core/hypercall.h"
#include "pv/pv.h"

/* A selector that the guest's tables do not allow is replaced by the null selector. */
#define LOAD_SEGMENT(reg, value)                     \
    do {                                             \
        uint32_t v_ = (value);                       \
        __asm__ volatile("1: mov %k0, %%" reg "\n\t" \
                         "jmp 3f\n\t"                \
                         "2: xor %k0, %k0\n\t"       \
                         "mov %k0, %%" reg "\n\t"    \
                         "3:\n\t" FIXUP("1b", "2b")  \
                         : "+r"(v_));                \
    } while (0)

#define READ_SEGMENT(reg, to) __asm__ volatile("mov %%" reg ", %0" : "=r"(to))

void pv_save_segments(struct vcpu *v)
{
    struct pv_vcpu *pv = &v->arch.pv;

    READ_SEGMENT("ds", pv->ds);
    READ_SEGMENT("es", pv->es);
    READ_SEGMENT("fs", pv->fs);
    READ_SEGMENT("gs", pv->gs);
    pv->fs_base = rdmsr(MSR_FS_BASE);
    pv->gs_base = rdmsr(MSR_GS_BASE);
    pv->gs_base_other = rdmsr(MSR_KERNEL_GS);
}

/* Loading a selector loads a base, so the bases come last. */
void pv_load_segments(struct vcpu *v)
{
    struct pv_vcpu *pv = &v->arch.pv;

    LOAD_SEGMENT("ds", pv->ds);
    LOAD_SEGMENT("es", pv->es);
    LOAD_SEGMENT("fs", pv->fs);
    LOAD_SEGMENT("gs", pv->gs);
    wrmsr(MSR_FS_BASE, pv->fs_base);
    wrmsr(MSR_GS_BASE, pv->gs_base);
    wrmsr(MSR_KERNEL_GS, pv->gs_base_other);
}

bool pv_set_base(uint32_t msr, uint64_t base)
{
    if (!canonical(base))
        return false;
    wrmsr(msr, base);
    return true;
}

/* The caller is in its kernel, so the user's GS is the other one. */
long do_set_segment_base(uint32_t which, uint64_t base)
{
    static const uint32_t msr[] = {
        [SEGBASE_FS] = MSR_FS_BASE,
        [SEGBASE_GS_USER] = MSR_KERNEL_GS,
        [SEGBASE_GS_KERNEL] = MSR_GS_BASE,
    };

    if (which < ARRAY_LEN(msr))
        return pv_set_base(msr[clamp_index(which, ARRAY_LEN(msr))], base) ? 0 : -XEN_EINVAL;
    if (which != SEGBASE_GS_USER_SEL)
        return -XEN_EINVAL;
    __asm__ volatile("swapgs" : : : "memory");
    LOAD_SEGMENT("gs", (uint16_t)base);
    __asm__ volatile("swapgs" : : : "memory");
    return 0;
}
