/* What guests ask of their vCPUs: timers, and where the hypervisor keeps its data for them. */
#pragma once

struct vcpu;

/* Prepares the vCPU's timers; before it runs. */
void vcpu_init_timers(struct vcpu *v);
/* For one that is off for good: none of them fires any more afterwards, and its vcpu_info is in the
 * hypervisor's memory. */
void vcpu_retire(struct vcpu *v);
/* Then, and after arch_outlast_others: gives back the frame where it was registered. */
void vcpu_release_info(struct vcpu *v);
