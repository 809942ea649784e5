/* Numbers for assembly, taken from the compiler. The build turns each "->NAME value" into a
 * #define. */
#include "core/hypercall.h"
#include "cpu/cpu.h"

#define DEFINE(name, value)        __asm__ volatile("\n->" #name " %0" : : "i"(value))
#define OFFSET(name, type, member) DEFINE(name, offsetof(type, member))

void offsets(void);

void offsets(void)
{
    OFFSET(REGS_rax, struct regs, rax);
    OFFSET(REGS_vector, struct regs, vector);
    OFFSET(REGS_rip, struct regs, rip);
    OFFSET(REGS_cs, struct regs, cs);
    OFFSET(REGS_rflags, struct regs, rflags);
    DEFINE(REGS_SIZE, sizeof(struct regs));
    OFFSET(CPU_scratch, struct cpu, scratch);
    OFFSET(CPU_rsp0, struct cpu, tss.rsp0);
    DEFINE(STACK_TOP_SIZE, sizeof(struct stack_top));
    DEFINE(CPU_SIZE, sizeof(struct cpu));
    OFFSET(VCPU_work, struct vcpu, work);
    OFFSET(VCPU_info, struct vcpu, info);
    OFFSET(VCPU_domain, struct vcpu, domain);
    OFFSET(VCPU_kernel_mode, struct vcpu, arch.pv.kernel_mode);
    OFFSET(DOMAIN_abi, struct domain, abi);
    DEFINE(NR_HYPERCALLS_, NR_HYPERCALLS);
}
