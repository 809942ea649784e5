/* What guests ask of their vCPUs: timers, and where the hypervisor keeps its data for them. */
#pragma once

struct vcpu;

/* Prepares the vCPU's timers; before it runs. */
void vcpu_init_timers(struct vcpu *v);
/* Stops them; afterwards none of them fires any more. */
void vcpu_stop_timers(struct vcpu *v);
/* Gives back the frame of a registered vcpu_info; the vCPU is off for good. */
void vcpu_release_info(struct vcpu *v);
