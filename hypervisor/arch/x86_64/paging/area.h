/* The domain's own pages in slot 260: for each vCPU 16 pages of GDT, then 16 of LDT. The guest sees
 * them only through its segment registers; its frames there are descriptor pages. */
#pragma once

#include "core/domain.h"

/* 0 or -XEN_ENOMEM; area_free also after it failed half-way. */
int area_init(struct domain *d);
void area_free(struct domain *d);
void area_init_vcpu(struct vcpu *v);
/* Puts the descriptors of that host CPU into the vCPU's GDT. */
void area_set_cpu(struct vcpu *v, unsigned cpu);

/* 0 or -XEN_EINVAL. */
int ldt_set(struct vcpu *v, uint64_t va, unsigned entries);
/* Takes all pages out of the LDT's window: they are mapped again when they are used. The vCPU is
 * current or does not run; the caller holds page_lock. */
void ldt_unmap(struct vcpu *v);
