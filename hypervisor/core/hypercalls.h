/* Handlers of hypercalls, one line each. The table (core/hypercall.c) calls them through casts to
 * hypercall_t; arguments come in registers as the guest left them. */
#ifndef CORE_HYPERCALLS_H
#define CORE_HYPERCALLS_H

#include "lib/types.h"
#include "abi/guest_ptr.h"

long do_event_channel_op(int cmd, guest_ptr_t arg);
long do_grant_table_op(unsigned cmd, guest_ptr_t uop, unsigned count);
long do_sched_op(int cmd, guest_ptr_t arg);
long do_set_timer_op(int64_t timeout);
long do_vcpu_op(int cmd, unsigned vcpuid, guest_ptr_t arg);

#endif
