/* Domains come and go: core/arch.h's part of that, which is paging's alone, and paging's part of
 * what happens to vCPUs. */
#include "core/log.h"
#include "paging/type.h"

int paging_set_l4(struct vcpu *v, bool kernel, mfn_t l4)
{
    mfn_t *at = kernel ? &v->arch.paging.kernel_l4 : &v->arch.paging.user_l4, old = *at;
    const bool none = !kernel && mfn_equal(l4, INVALID_MFN), first = mfn_equal(old, INVALID_MFN);
    const struct asker asker = {.operation = !kernel ? "new_user_baseptr"
                                             : first ? "initial L4"
                                                     : "new_baseptr"};
    int rc = 0;

    paging_lock(v->domain);
    if (!none)
        rc = table_get(v->domain, l4, TYPE_L4, &asker);
    if (likely(rc == 0)) {
        if (!none && kernel != m2p_strict(v->domain))
            ((uint64_t *)frame_bytes(l4))[L4_SLOT_M2P] =
                kernel ? paging_l4_template[L4_SLOT_M2P] : 0;
        *at = l4;
        if (kernel)
            ldt_unmap(v);
        if (kernel && v == current)
            cpu_load_cr3(l4);
        if (!first)
            table_put(v->domain, old);
    }
    paging_unlock(v->domain);
    return rc;
}

int paging_install_l4(struct vcpu *v, mfn_t l4)
{
    int rc;

    paging_lock(v->domain);
    rc = table_pin(v->domain, l4, TYPE_L4);
    paging_unlock(v->domain);
    return rc ? rc : paging_set_l4(v, true, l4);
}

/* Gives back the tables of a vCPU that does not run in its guest again; if it is the current one,
 * it goes on with the hypervisor's own. */
static void release_vcpu(struct vcpu *v)
{
    struct paging_vcpu *p = &v->arch.paging;
    mfn_t l4[] = {p->kernel_l4, p->user_l4};

    if (!p->area)
        return;
    paging_set_gdt(v, NULL, 0);
    paging_lock(v->domain);
    ldt_unmap(v);
    p->ldt_entries = 0;
    /* First forget them: a switch away and back must not load them again. */
    p->kernel_l4 = p->user_l4 = INVALID_MFN;
    if (current == v)
        paging_leave();
    for (unsigned i = 0; i < ARRAY_LEN(l4); i++)
        if (!mfn_equal(l4[i], INVALID_MFN))
            table_put(v->domain, l4[i]);
    paging_unlock(v->domain);
    cond_resched();
}

int paging_vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c)
{
    int rc;

    if (c->gdt_ents > FIRST_RESERVED_GDT_ENTRY || c->ldt_ents > 8192)
        return -XEN_EINVAL;
    if ((rc = paging_set_gdt(v, c->gdt_frames, c->gdt_ents)) ||
        (rc = ldt_set(v, c->ldt_base, c->ldt_ents)) ||
        (rc = paging_set_l4(v, true, mfn(xen_cr3_to_pfn(c->ctrlreg[3])))) ||
        (rc = paging_new_user_baseptr(v, mfn(xen_cr3_to_pfn(c->ctrlreg[1])))))
        release_vcpu(v);
    return rc;
}

/* Frames that others still map or hold stay until those let go; without pins and vCPUs none of them
 * is a table in use, as tables refer only downwards. */
void arch_domain_relinquish(struct domain *d)
{
    struct frame *f;

    ASSERT(d->dying);
    for (unsigned i = 0; i < d->nr_vcpus && d->vcpu[i]; i++)
        release_vcpu(d->vcpu[i]);
    ASSERT(READ_ONCE(d->arch.paging.tlb_cpus) == 0);

    paging_lock(d);
    while ((f = frames_take_first(d)) != NULL) {
        if (f->type & TYPE_PINNED) {
            WRITE_ONCE(f->type, f->type & ~TYPE_PINNED);
            table_put(d, frame_mfn(f));
        }
        frame_give_up(f);
        frame_put(f);
        cond_resched();
    }
    paging_unlock(d);
}
