/* A fake of core/arch.h and of the parts of core/ that a test does not link: one host CPU whose
 * clock stands still until a test moves it, guest memory that is the test's own, frames with
 * counts. */
#ifndef FAKE_H
#define FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/domain.h"

/* --- memory (fake_memory.c) --- */

#define FAKE_FRAMES 128

struct fake_frame {
    struct domain *owner; /* NULL: no such frame */
    void *bytes;
    unsigned refs, writable_refs;
    bool is_page_table; /* refuses writable references */
    bool shared;        /* made by arch_share_page */
    bool in_tlb;        /* not flushed since it was unmapped: somebody must hold it */
};

extern struct fake_frame fake_frame[FAKE_FRAMES];
/* Pages that are allocated now. */
extern unsigned fake_pages;
/* Allocations that still succeed; UINT_MAX: all. */
extern unsigned fake_pages_left;
/* Called before each copy from or to a guest, and before each arch_frame_get: the moment at which
 * another vCPU changes things. NULL: nothing happens. */
extern void (*fake_race)(void);

/* Gives the domain a zeroed frame; returns its number (never 0). */
uint64_t fake_new_frame(struct domain *d);
/* Guest pointers are pointers of the test; those below this address fault. */
#define FAKE_FAULT 4096ul
guest_ptr_t fake_ptr(const void *p);
/* From here on, of `bytes` bytes, copies to guests fault. */
void fake_make_readonly(const void *p, size_t bytes);
/* Frees the frames; fails the test if a reference or a page was left. */
void fake_memory_end(void);

/* --- domains (fake_domain.c) --- */

/* Whether the domains' ABI version has all sub-operations (so at first) or none. */
void fake_set_subops(bool all);
/* A running domain with its vCPUs (offline) and shared page; core's init functions are not called.
 */
struct domain *fake_new_domain(unsigned nr_vcpus);
/* Aborts the test if a spin lock of a domain is held. */
void fake_no_lock_held(void);
/* Frees what fake_new_domain made. */
void fake_free_domain(struct domain *d);

/* --- the CPU (fake_cpu.c) --- */

extern uint64_t fake_now;
/* What was given to arch_set_timer last. */
extern uint64_t fake_deadline;
extern int fake_initialise_answer; /* of arch_vcpu_initialise */
extern unsigned fake_initialised;  /* its rip */
extern unsigned fake_switches, fake_polls;
/* Who calls: the test's own thread stands for any vCPU that it says, as long as nothing switches.
 */
void fake_become(struct vcpu *v);
struct vcpu *fake_idle(void);
/* Makes the test's thread the idle vCPU of CPU 0, whose scheduler is then ready. */
void fake_cpu_init(void);
/* Has the vCPU run body(arg) in a thread of its own, once it is scheduled, and park at the end. In
 * a test whose vCPUs have none, the test's thread plays whichever is the current one. */
void fake_give_body(struct vcpu *v, void (*body)(void *arg), void *arg);
/* Moves the clock and takes the timer interrupts that this brings. */
void fake_pass(uint64_t ns);
/* As a guest that computes for so long: time passes, interrupts come, the scheduler has its say. */
void fake_compute(uint64_t ns);
/* Runs all vCPUs until none is ready; with nothing ready, passes to the next deadline, at most
 * `jumps` times. */
void fake_run(unsigned jumps);
/* Ends the threads. */
void fake_cpu_end(void);

#endif
