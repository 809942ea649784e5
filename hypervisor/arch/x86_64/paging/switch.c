/* Which tables a host CPU has loaded. */
#include "core/domain.h"
#include "paging/paging.h"

uint64_t paging_l4_template[TABLE_ENTRIES] __attribute__((aligned(4096)));

/* Whose tables each host CPU has loaded; NULL: only the hypervisor's. */
static struct domain *loaded[MAX_CPUS];

/* Changes CR3; a domain learns that its tables may be cached here before they can be, and that they
 * are not after they cannot. The old GDT goes with the old tables. */
static void load(struct domain *d, mfn_t l4)
{
    unsigned cpu = arch_this_cpu();
    struct domain *old = loaded[cpu];

    if (d && d != old)
        __atomic_or_fetch(&d->arch.paging.tlb_cpus, 1ul << cpu, __ATOMIC_SEQ_CST);
    cpu_load_own_gdt();
    cpu_load_cr3(l4);
    loaded[cpu] = d;
    if (old && old != d)
        __atomic_and_fetch(&old->arch.paging.tlb_cpus, ~(1ul << cpu), __ATOMIC_SEQ_CST);
}

void paging_leave(void)
{
    cpu_load_ldt(0, 0);
    /* The image lies in memory as far from 0 as it is linked from IMAGE_START. */
    load(NULL, mfn(((uint64_t)paging_l4_template - IMAGE_START) >> PAGE_SHIFT));
}

void paging_switch_to(struct vcpu *next, bool kernel)
{
    struct paging_vcpu *p = &next->arch.paging;
    mfn_t l4 = next->idle ? INVALID_MFN : kernel ? p->kernel_l4 : p->user_l4;

    if (mfn_equal(l4, INVALID_MFN)) {
        paging_leave();
        return;
    }
    paging_set_cpu(next, arch_this_cpu());
    load(next->domain, l4);
    cpu_load_gdt(paging_gdt_va(next));
    cpu_load_ldt(paging_ldt_va(next), p->ldt_entries);
}

bool paging_load_tables(struct vcpu *v, bool kernel)
{
    mfn_t l4 = kernel ? v->arch.paging.kernel_l4 : v->arch.paging.user_l4;

    if (unlikely(mfn_equal(l4, INVALID_MFN)))
        return false;
    cpu_load_cr3(l4);
    return true;
}
