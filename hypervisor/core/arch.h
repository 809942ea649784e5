/* What an architecture supplies to core/. This is the only door: core/ includes nothing else of it.
 * arch_types.h comes from the architecture's folder (the unit tests have a fake one) and defines
 * struct arch_domain and struct arch_vcpu. */
#pragma once

#include "lib/types.h"
#include "abi/guest_ptr.h"
#include "abi/xen.h"

struct domain;
struct vcpu;
struct cpu;
struct vcpu_guest_context;

#include "arch_types.h"

/* --- who runs here --- */

/* The vCPU whose stack this is; never NULL once the boot CPU has its idle vCPU. */
struct vcpu *arch_current(void);
#define current arch_current()

/* Number of this host CPU, 0 .. nr_cpus - 1. */
unsigned arch_this_cpu(void);

/* --- hypervisor memory --- */

/* 2^order contiguous pages, zeroed; NULL when there are none. Never sleeps, but may flush the TLBs
 * of other CPUs: hold no spin lock that they take. */
void *arch_alloc_pages(unsigned order);
void arch_free_pages(void *pages, unsigned order); /* NULL: nothing happens */

/* --- guest memory, by virtual address of the current vCPU ---
 * Each returns false on a fault or a range that touches the hypervisor's; bytes before the fault
 * may have been copied. Never sleeps, never panics. */
bool copy_from_guest(void *dst, guest_ptr_t src, size_t bytes);
bool copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes);

/* --- frames of domains ---
 * A reference keeps a frame from going back to the allocator; a writable one also keeps it from
 * becoming a page table or descriptor page. */

/* Takes a reference on `frame` if `owner` owns it and, for writable, if its type allows writing.
 * 0, -XEN_EINVAL (no such frame, or not the owner's), -XEN_EBUSY (type). Lock-free. */
int arch_frame_get(mfn_t frame, struct domain *owner, bool writable);
void arch_frame_put(mfn_t frame, bool writable);
/* The frame's bytes in the hypervisor's own mapping; valid while a reference is held. */
void *arch_frame_bytes(mfn_t frame);

/* A hypervisor page that the domain may map (shared_info, grant table): zeroed, owned by the
 * domain, never a page table, and freed only by arch_unshare_page at the domain's end. NULL: no
 * memory. */
void *arch_share_page(struct domain *d, bool writable);
void arch_unshare_page(struct domain *d, void *page);
mfn_t arch_page_mfn(const void *in_page);

/* --- a domain's amount of memory (core/memory.c) --- */

/* 2^order contiguous frames for the domain, zeroed, below the address bits of mem_flags
 * (XENMEMF_*); pfn numbers from first_pfn on, unless that is INVALID_PFN, are recorded for them.
 * INVALID_MFN: no such memory, over max_pages, or dying. Calls cond_resched. */
mfn_t arch_populate(struct domain *d, pfn_t first_pfn, unsigned order, uint32_t mem_flags);
/* The domain gives up one frame; it goes when nothing refers to it any more. 0 or -XEN_EINVAL: it
 * is not the domain's, or was given up before. */
int arch_depopulate(struct domain *d, mfn_t frame);
/* 2^order frames of the domain, to which nothing may refer, go; as many come, zeroed, in extents of
 * 2^out_order below the address bits of mem_flags. `out` says the first pfn of each, and afterwards
 * its first mfn. The domain is the caller's. 0; or without any change -XEN_EINVAL (a frame is not
 * its, or is in use), -XEN_ENOMEM. Calls cond_resched. */
int arch_exchange(struct domain *d, const uint64_t *in, uint64_t *out, unsigned order,
                  unsigned out_order, uint32_t mem_flags);
/* One more than the highest number of a machine frame. */
uint64_t arch_max_frame(void);
/* Sub-operations of memory_op that only this architecture has. */
long arch_memory_op(unsigned cmd, guest_ptr_t arg);

/* --- grant mappings (core/grant_map.c calls these; the caller holds its own frame references) ---
 */

/* Makes the current domain's L1 entry at host_addr (a virtual address, or with GNTMAP_contains_pte
 * the machine address of the entry) map the frame. The entry takes references of its own.
 * 0 or a GNTST_* error. Takes the domain's page_lock: hold no spin lock. */
int arch_grant_map(uint64_t host_addr, mfn_t frame, uint32_t gntmap_flags);
/* Clears that entry if it still maps the frame. As above; but TLBs may still have it, so that the
 * caller lets the frame go only after arch_grant_flush. */
int arch_grant_unmap(uint64_t host_addr, mfn_t frame, uint32_t gntmap_flags);
void arch_grant_flush(void);

/* --- life of domains and vCPUs --- */

/* 0 or -XEN_ENOMEM. */
int arch_domain_init(struct domain *d);
/* With d->dying set and its other vCPUs parked: gives back everything the guest held (vCPU page
 * tables, pins, pages). The current vCPU may be one of the domain's. Calls cond_resched. */
void arch_domain_relinquish(struct domain *d);
/* Frees what arch_domain_init made; also after it failed half-way. No frame is its any more. */
void arch_domain_free(struct domain *d);
/* Gives a vCPU that has not run yet the state in which it begins. 0, or -errno and nothing is
 * changed. Calls cond_resched. */
int arch_vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c);
/* 0 or -XEN_ENOMEM; arch_vcpu_free also after it failed. */
int arch_vcpu_init(struct vcpu *v);
void arch_vcpu_free(struct vcpu *v);

/* --- switching --- */

/* Leaves prev and runs next; returns when prev is scheduled again. Interrupts are off. */
void arch_switch(struct vcpu *prev, struct vcpu *next);
/* Makes the CPU take a look at its scheduler soon (an IPI if it is another one). */
void arch_kick_cpu(unsigned cpu);
/* Makes the vCPU, if it runs in its guest, come to the exit path soon so that events are seen. */
void arch_kick_vcpu(struct vcpu *v);
/* Returns when each other CPU has let interrupts in since the call: it has no pointer any more that
 * it had found without taking a reference. Hold no spin lock. */
void arch_outlast_others(void);
/* Waits for an interrupt with interrupts on, and returns with them off. */
void arch_wait_for_interrupt(void);
/* Lets pending interrupts in, for a few instructions. */
void arch_poll_interrupts(void);

/* --- time --- */

/* Nanoseconds since boot; never steps back on one CPU. */
uint64_t arch_now_ns(void);
/* Nanoseconds since 1970 at boot, from the battery clock. */
uint64_t arch_boot_wallclock_ns(void);
/* Programs this CPU's one timer; 0 turns it off. Then timer_interrupt() is called at or after it.
 */
void arch_set_timer(uint64_t deadline_ns);
/* What guests read the clock by, for good: its rate does not change. */
struct vcpu_time_info arch_time_info(void);

/* --- console --- */

void arch_console_write(const char *text, size_t length);

/* --- the end --- */

/* Ends the machine's run with this status for whoever started it (QEMU), or halts. */
void arch_machine_exit(int status) __attribute__((noreturn));
