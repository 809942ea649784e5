/* Domains and their vCPUs. */
#pragma once

#include "abi/errno.h"
#include "core/arch.h"
#include "core/mutex.h"
#include "core/sched.h"
#include "core/evtchn.h"
#include "core/grant.h"
#include "core/console.h"

/* Lock order: domain.page_lock (a mutex, that may be held over preemption) comes before all spin
 * locks, which lib/spinlock.h ranks. */

#define MAX_VCPUS       64
#define DOMAIN_NAME_MAX 32 /* with the NUL */

/* What the domain's node in the system tree allows it; bits of domain.privileges. */
#define PRIV_CONSOLE_WRITE 0x1u  /* console_io write */
#define PRIV_CONSOLE_READ  0x2u  /* console_io read, VIRQ_CONSOLE */
#define PRIV_FOREIGN_MAP   0x4u  /* map and update page tables of other domains */
#define PRIV_CONTROL       0x8u  /* memory and ports of others */
#define PRIV_LINEAR_TABLES 0x10u /* L4 tables that name themselves */

struct abi_version;   /* core/hypercall.h */
struct domain_config; /* core/config.h */

enum domain_state {
    DOMAIN_BUILDING, /* no vCPU has run */
    DOMAIN_RUNNING,
    DOMAIN_SHUTDOWN, /* vCPUs stop at their next way out of the hypervisor */
    DOMAIN_DEAD,     /* resources given back; the struct waits for its last reference */
};

struct domain {
    uint16_t id;
    uint8_t state;         /* enum domain_state */
    uint8_t shutdown_code; /* SHUTDOWN_*, valid from DOMAIN_SHUTDOWN on */
    uint8_t pauses;        /* its vCPUs do not run the guest unless this is 0 */
    bool dying; /* set once, before resources are given back: no new reference is granted */
    uint32_t privileges;
    const struct abi_version *abi;
    uint32_t refs; /* the domain itself, each foreign user, and one while it owns pages */
    unsigned nr_vcpus;
    unsigned vcpus_in;            /* vCPUs not yet parked after a shutdown */
    struct vcpu *vcpu[MAX_VCPUS]; /* nr_vcpus of them; fewer if making it failed */
    struct shared_info *shared;
    struct mutex page_lock; /* page-table changes of this domain */
    uint64_t pages;         /* frames owned now (atomic) */
    uint64_t max_pages;
    uint64_t vm_assist; /* VMASST bits enabled */
    struct sched_domain sched;
    struct evtchn_domain evtchn;
    struct grant_table grant;
    struct domain_console console;
    struct domain *next_ended;
    struct arch_domain arch;
    char name[DOMAIN_NAME_MAX];
};

/* Bits of vcpu.work: reasons to take the slow way out to the guest. Set atomically by anyone. */
#define WORK_RESCHED 0x1u  /* look at the scheduler */
#define WORK_STOP    0x2u  /* the domain was shut down: do not run the guest again */
#define WORK_EVENT   0x4u  /* look for undelivered events (masked ones too) */
#define WORK_DOWN    0x8u  /* look at whether it is still up */
#define WORK_NMI     0x10u /* enter the guest's NMI handler */

enum vcpu_made { VCPU_NEW, VCPU_BEING_INITIALISED, VCPU_INITIALISED };

struct vcpu {
    uint32_t work;
    uint16_t id;
    bool up;      /* online as VCPUOP_is_up says; guarded by the domain table's lock */
    bool started; /* it was up once: it has to stop when the domain is shut down */
    uint8_t made; /* enum vcpu_made (atomic) */
    bool idle;    /* the idle vCPU of a host CPU; it has no guest */
    struct domain *domain;
    struct vcpu_info *info;    /* in shared_info, or where register_vcpu_info put it, or own_info */
    mfn_t info_frame;          /* frame of a registered info, else INVALID_MFN */
    guest_ptr_t runstate_area; /* 0: none */
    struct sched_vcpu sched;
    struct evtchn_vcpu evtchn;
    struct timer singleshot;
    struct timer periodic;     /* set while the vCPU runs */
    uint64_t periodic_ns;      /* 0: off */
    uint64_t tick_ns;          /* when the next tick is due */
    struct vcpu_info own_info; /* of one beyond those in shared_info, until it registers another */
    struct arch_vcpu arch;
};

/* The domain with that id, with a reference; NULL if there is none. DOMID_SELF is the caller's. */
struct domain *domain_get(uint16_t id);
void domain_put(struct domain *d);

/* As domain_get, if it is the caller's or the caller has that privilege. 0, or -XEN_ESRCH,
 * -XEN_EPERM and no reference. */
static inline int domain_get_permitted(uint16_t id, uint32_t privilege, struct domain **d)
{
    *d = domain_get(id);
    if (!*d)
        return -XEN_ESRCH;
    if (*d == current->domain || (current->domain->privileges & privilege))
        return 0;
    domain_put(*d);
    *d = NULL;
    return -XEN_EPERM;
}

/* 0 if the id is the caller's own, -XEN_EPERM if it is another domain's, -XEN_ESRCH if no one's. */
int domain_check_own(uint16_t id);
/* Its vCPU of that number, NULL if there is none. */
static inline struct vcpu *domain_vcpu(const struct domain *d, uint32_t id)
{
    return id < d->nr_vcpus ? d->vcpu[clamp_index(id, d->nr_vcpus)] : NULL;
}

/* A new domain in DOMAIN_BUILDING with one reference, or NULL. */
struct domain *domain_create(const struct domain_config *config);

/* Makes its first vCPU runnable, once. */
void domain_start(struct domain *d);
/* VCPUOP_up and _down. The last one that goes down powers the domain off. */
void domain_vcpu_up(struct vcpu *v);
void domain_vcpu_down(struct vcpu *v);
/* For sched_block: of one that is down, whether it is up again or must stop. */
bool domain_vcpu_may_run(struct vcpu *v, const void *none);
/* As domctl's, of another domain to which the caller has a reference. Hold no lock. */
long domain_pause(struct domain *d);
long domain_unpause(struct domain *d);
/* Stops the domain's vCPUs for good. The first caller's code stands. From any context. */
void domain_shutdown(struct domain *d, uint8_t code);
/* Shuts down with SHUTDOWN_crash and says why on the console. */
void domain_crash(struct domain *d, const char *fmt, ...) PRINTF(2, 3);
/* Gives back everything; works on half-built domains. Calls cond_resched; the caller's reference
 * goes. */
void domain_destroy(struct domain *d);

/* On the way out to the guest of a domain that was shut down. The last of its vCPUs to come here
 * ends the domain. */
void domain_vcpu_stopped(struct vcpu *v) __attribute__((noreturn));
/* Frees what is left of a domain that ended, if any can be freed. Cheap when there is none. */
void domain_reap(void);
/* A domain is over, or boot is: with none left the machine ends. `failed`: something went wrong,
 * which the exit status tells. */
void domains_one_less(bool failed);

/* Lets interrupts and other vCPUs in; call at least every 20,000 instructions of work that a guest
 * can prolong. The caller may hold mutexes, but no spin lock. */
void cond_resched(void);

/* The same in a loop of many short steps, now and then: after `steps` of them. */
static inline void cond_resched_each(uint64_t steps, uint64_t step)
{
    if (step % steps == steps - 1)
        cond_resched();
}

/* --- what guests ask of their vCPUs (vcpu_op.c) --- */

/* Prepares the vCPU's timers; before it runs. */
void vcpu_init_timers(struct vcpu *v);
/* For one that is off for good: none of them fires any more afterwards, and its vcpu_info is in the
 * hypervisor's memory. */
void vcpu_retire(struct vcpu *v);
/* Then, and after arch_outlast_others: gives back the frame where it was registered. */
void vcpu_release_info(struct vcpu *v);
