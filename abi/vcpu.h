/* vcpu_op: the life of a virtual CPU, its timers, and where the hypervisor keeps its data. */
#ifndef ABI_VCPU_H
#define ABI_VCPU_H

#define VCPUOP_initialise                     0
#define VCPUOP_up                             1
#define VCPUOP_down                           2
#define VCPUOP_is_up                          3
#define VCPUOP_get_runstate_info              4
#define VCPUOP_register_runstate_memory_area  5
#define VCPUOP_set_periodic_timer             6
#define VCPUOP_stop_periodic_timer            7
#define VCPUOP_set_singleshot_timer           8
#define VCPUOP_stop_singleshot_timer          9
#define VCPUOP_register_vcpu_info             10
#define VCPUOP_send_nmi                       11
#define VCPUOP_get_physid                     12
#define VCPUOP_register_vcpu_time_memory_area 13

/* States of a vCPU: indices of vcpu_runstate_info.time. */
#define RUNSTATE_running  0 /* on a host CPU */
#define RUNSTATE_runnable 1 /* waits for a host CPU */
#define RUNSTATE_blocked  2 /* waits for an event */
#define RUNSTATE_offline  3 /* down, or its domain is paused */

/* Set in state_entry_time while the hypervisor writes the area (VMASST_TYPE_runstate_update_flag).
 */
#define XEN_RUNSTATE_UPDATE 0x8000000000000000

/* vcpu_set_singleshot_timer.flags: a deadline in the past is an error, not an immediate event. */
#define _VCPU_SSHOTTMR_future 0
#define VCPU_SSHOTTMR_future  (1u << _VCPU_SSHOTTMR_future)

#ifndef __ASSEMBLER__

#include <stdint.h>
#include "abi/guest_ptr.h"

struct vcpu_time_info;

/* VCPUOP_get_runstate_info, and the layout of a registered area */
struct vcpu_runstate_info {
    int32_t state;             /* RUNSTATE_* */
    uint64_t state_entry_time; /* system time in nanoseconds */
    uint64_t time[4];          /* nanoseconds spent in each state before state_entry_time */
};

/* VCPUOP_register_runstate_memory_area: the area is written whenever the vCPU starts to run.
 * A null address ends that. */
struct vcpu_register_runstate_memory_area {
    union {
        GUEST_PTR(struct vcpu_runstate_info) h;
        GUEST_PTR(struct vcpu_runstate_info) v;
        uint64_t p;
    } addr;
};

/* VCPUOP_register_vcpu_time_memory_area: a second copy of vcpu_info.time, which user mode may map.
 */
struct vcpu_register_time_memory_area {
    union {
        GUEST_PTR(struct vcpu_time_info) h;
        GUEST_PTR(struct vcpu_time_info) v;
        uint64_t p;
    } addr;
};

/* VCPUOP_set_periodic_timer */
struct vcpu_set_periodic_timer {
    uint64_t period_ns; /* at least 1,000,000 */
};

/* VCPUOP_set_singleshot_timer: VIRQ_TIMER once, at or after the time. */
struct vcpu_set_singleshot_timer {
    uint64_t timeout_abs_ns; /* system time */
    uint32_t flags;          /* VCPU_SSHOTTMR_* */
};

/* VCPUOP_register_vcpu_info: moves the vCPU's vcpu_info out of the shared page, once and for all.
 */
struct vcpu_register_vcpu_info {
    uint64_t mfn;
    uint32_t
        offset; /* within the page; 8-aligned, and the structure does not cross the page's end */
    uint32_t rsvd;
};

/* VCPUOP_get_physid */
struct vcpu_get_physid {
    uint64_t phys_id; /* APIC id in the low half, ACPI id in the high one */
};

#define xen_vcpu_physid_to_x86_apicid(physid) ((uint32_t)(physid))
#define xen_vcpu_physid_to_x86_acpiid(physid) ((uint32_t)((physid) >> 32))

#endif /* __ASSEMBLER__ */

#endif
