/* A machine for paging/ on the host: memory, frame table, CPUs with TLBs that remember, domains.
 * The rest of core/ is faked. Also used by tests/fuzz. */
#ifndef ENV_H
#define ENV_H

#include "debug/core/audit.h"
#include "core/domain.h"
#include "paging/paging.h"

#ifndef ENV_FRAMES
#define ENV_FRAMES 4096u
#endif
#define ENV_CPUS    2u
#define ENV_DOMAINS 4u

/* Maps memory and fills the allocator; once. */
void env_init(void);

/* --- who calls --- */
extern struct vcpu *env_current;
extern unsigned env_cpu;
/* On env_cpu the vCPU runs next, in its kernel: what a context switch does. */
void env_run(struct vcpu *v);
/* The CPU runs no guest. */
void env_idle(void);

/* --- domains; ids from 1 --- */
extern struct domain *env_domain[ENV_DOMAINS + 1];
struct domain *env_new_domain(unsigned nr_vcpus, uint64_t max_pages);
/* As domain_destroy: its frames go. The struct is freed as soon as nothing refers to it. */
void env_destroy(struct domain *d);
/* Frees destroyed domains without references. The number of those that wait for some. */
unsigned env_reap(void);

/* --- guest memory: guest pointers are pointers of the test; those below 4096 fault --- */
/* Called before every copy from a guest: the moment for another vCPU to change it. */
extern void (*env_race)(void);
/* Called after each, with what was read. */
extern void (*env_copied)(void *from, size_t bytes);
static inline mfn_t frames_alloc_for_domain(struct domain *d, unsigned order)
{
    return arch_populate(d, INVALID_PFN, order, 0);
}

static inline guest_ptr_t gp(const void *p)
{
    return guest_ptr((uintptr_t)p);
}

/* --- what happened --- */
extern unsigned env_flushes, env_log_lines, env_rescheds;
extern unsigned env_own_lines; /* of the hypervisor's own log */
extern char env_log[256];      /* the last line of a domain's log */
extern const struct domain *env_log_of;
/* Whether the domains' ABI version has all sub-operations (so at first) or none. */
void env_set_subops(bool all);
/* Called from cond_resched. */
extern void (*env_resched)(void);

/* --- TLBs: what a CPU may still translate --- */
/* The CPU's processor loads into its TLB all that its current tables lead to. */
void env_tlb_fill(unsigned cpu);
/* Whether a TLB can still write to, or walk as a table of another kind, a frame that is a table or
 * descriptor page now; or reach one that belongs to another than the one whom it was mapped for.
 * Says which. */
bool env_tlb_wrong(void);

/* Whether the auditor finds something, which env_finding then tells. env_held tells of references
 * that the test holds. */
extern void (*env_held)(struct audit *a);
extern const char *env_finding;
unsigned env_audit(void);

#endif
