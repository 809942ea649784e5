/* callback_op: where the hypervisor enters the guest's kernel, apart from exceptions. */
#ifndef ABI_CALLBACK_H
#define ABI_CALLBACK_H

#define CALLBACKOP_register   0
#define CALLBACKOP_unregister 1

#define CALLBACKTYPE_event               0 /* an event is pending and events are not masked */
#define CALLBACKTYPE_failsafe            1 /* a return to the guest failed on its segments */
#define CALLBACKTYPE_syscall             2 /* SYSCALL from 64-bit user mode */
#define CALLBACKTYPE_sysenter_deprecated 3
#define CALLBACKTYPE_nmi                 4
#define CALLBACKTYPE_sysenter            5
#define CALLBACKTYPE_syscall32           7 /* SYSCALL from 32-bit user mode */

/* callback_register.flags: enter with events masked. Always so for events; failsafe and the system
 * calls may choose. */
#define _CALLBACKF_mask_events 0
#define CALLBACKF_mask_events  (1u << _CALLBACKF_mask_events)

#ifndef __ASSEMBLER__

#include <stdint.h>

/* CALLBACKOP_register */
struct callback_register {
    uint16_t type;    /* CALLBACKTYPE_* */
    uint16_t flags;   /* CALLBACKF_* */
    uint64_t address; /* canonical virtual address */
};

/* CALLBACKOP_unregister */
struct callback_unregister {
    uint16_t type; /* CALLBACKTYPE_* */
    uint16_t _unused;
};

#endif /* __ASSEMBLER__ */

#endif
