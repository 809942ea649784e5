/* The running vCPU: where its vcpu_info is, masking and unmasking of upcalls, waiting, stopping. */
#ifndef LAMINA_VCPU_H
#define LAMINA_VCPU_H

#include <stdbool.h>
#include <stddef.h>
#include "abi/xen.h"
#include <lamina/hypercall.h>

/* What the SDK keeps for each vCPU. The vCPU's kernel GS base points at it. */
struct lm_vcpu {
    struct lm_vcpu *self;
    struct vcpu_info *info;
    unsigned id;
};

/* As the domain builder and the start code left them. */
extern struct start_info *lm_start_info;
extern struct shared_info *lm_shared_info;

#define lm_barrier() __asm__ volatile("" : : : "memory")

/* The running vCPU. No hypercall. Callable anywhere. */
static inline struct lm_vcpu *lm_this_vcpu(void)
{
    struct lm_vcpu *v;

    __asm__ volatile("movq %%gs:0, %0" : "=r"(v));
    return v;
}

/* Holds back upcalls on this vCPU. Returns whether they were held back before. No hypercall. */
static inline bool lm_upcalls_mask(void)
{
    struct vcpu_info *info = lm_this_vcpu()->info;
    bool was_masked = info->evtchn_upcall_mask;

    info->evtchn_upcall_mask = 1;
    lm_barrier();
    return was_masked;
}

/* Lets upcalls in. An event that came meanwhile is delivered before this returns. No hypercall if
 * there was none, else one. Not for upcall handlers. */
static inline void lm_upcalls_unmask(void)
{
    struct vcpu_info *info = lm_this_vcpu()->info;

    lm_barrier();
    info->evtchn_upcall_mask = 0;
    lm_barrier(); /* the flag must be clear before pending is read, or an event could be missed */
    if (*(volatile uint8_t *)&info->evtchn_upcall_pending)
        hypercall_xen_version(XENVER_version, NULL); /* events are delivered on the way out */
}

/* Ends a section begun with `bool was = lm_upcalls_mask()`. */
static inline void lm_upcalls_restore(bool was_masked)
{
    if (!was_masked)
        lm_upcalls_unmask();
}

/* Gives the CPU up until an event arrives, and lets upcalls in: to be called with upcalls masked
 * and the condition to wait for checked after masking, so that no wake-up is lost. One hypercall.
 * Not for upcall handlers. */
static inline void lm_block(void)
{
    hypercall_sched_op(SCHEDOP_block, NULL);
}

/* Gives the CPU to other vCPUs for a moment. One hypercall. */
static inline void lm_yield(void)
{
    hypercall_sched_op(SCHEDOP_yield, NULL);
}

/* Has vCPU `id` (1 .. 31: those whose vcpu_info is in lm_shared_info; not started before) call
 * run(arg), with upcalls masked, on that stack: 16-aligned, at least 16 KiB; in the page tables
 * that the domain started with; with our exception handlers and upcalls. It goes down when run
 * returns. *v is its own until then. 0, -XEN_ENOENT: the domain has no such vCPU, -XEN_EEXIST: it
 * was started before, -XEN_ENOMEM. Two hypercalls. Callable anywhere.
 */
int lm_vcpu_start(struct lm_vcpu *v, unsigned id, void (*run)(void *), void *arg, void *stack,
                  size_t bytes);
/* Only the state in which it begins, for VCPUOP_initialise, to be changed before that. It lies at
 * the lower end of the stack. No hypercall. */
struct vcpu_guest_context *lm_vcpu_context(struct lm_vcpu *v, unsigned id, void (*run)(void *),
                                           void *arg, void *stack, size_t bytes);

/* Stops the whole domain, reason SHUTDOWN_poweroff, _crash, ... One hypercall. Callable anywhere.
 */
void lm_shutdown(unsigned reason) __attribute__((noreturn));

#endif
