/* The domain id arguments of memory hypercalls. */
#pragma once

#include "core/domain.h"

/* The domain whose frames a call may name: *from with a reference. 0, -XEN_ESRCH: there is none, or
 * it is the caller by number; -XEN_EPERM: without foreign-map, or devices or the hypervisor. */
int frames_owner_get(uint16_t domid, struct domain **from);
/* Says in the caller's log why it may not; returns rc. */
int foreign_refused(uint16_t domid, const char *why, int rc);
/* For mmu_update: that in the low half, and in the high half the domain whose tables are changed,
 * plus 1, or 0 for the caller. References on both. */
int foreign_get(uint32_t foreigndom, struct domain **tables, struct domain **from);

/* Host CPUs of the vCPUs in a guest's bitmap. False: it cannot be read. */
bool cpus_of_vcpu_bitmap(struct domain *d, guest_ptr_t bitmap, uint64_t *cpus);
