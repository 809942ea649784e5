#include "core/domain.h"
#include "core/audit.h"
#include "core/config.h"
#include "core/hypercall.h"
#include "core/log.h"
#include "lib/format.h"

/* Guards the table, the list and the states. A reference is taken under it and dropped without; a
 * domain whose count reached zero is still found in `ended`, by domain_reap, which outlasts those
 * who had found it, or one of its channels, without. */
static struct spinlock lock = {.rank = RANK_DOMAINS};
static struct domain *domains[CONFIG_MAX_DOMAINS + 1]; /* by id */
static struct domain *ended; /* by next_ended: wait for their last reference, then to be freed */
static unsigned alive = 1;   /* domains not yet over; boot counts as one */
static bool any_failed;

_Static_assert(sizeof(struct domain) <= PAGE_SIZE, "a domain takes one page");
_Static_assert(sizeof(struct vcpu) <= PAGE_SIZE, "a vCPU takes one page");

struct domain *domain_get(uint16_t id)
{
    struct domain *d = NULL;

    if (id == DOMID_SELF)
        id = current->domain->id;
    if (id > CONFIG_MAX_DOMAINS)
        return NULL;
    id = clamp_index(id, CONFIG_MAX_DOMAINS + 1);
    spin_lock(&lock);
    d = domains[id];
    if (d)
        __atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
    spin_unlock(&lock);
    return d;
}

void domain_put(struct domain *d)
{
    __atomic_fetch_sub(&d->refs, 1, __ATOMIC_ACQ_REL);
}

int domain_check_own(uint16_t id)
{
    struct domain *d = domain_get(id);

    if (!d)
        return -XEN_ESRCH;
    domain_put(d);
    return d == current->domain ? 0 : -XEN_EPERM;
}

/* --- making --- */

static int vcpu_create(struct domain *d, unsigned id)
{
    struct vcpu *v = arch_alloc_pages(0);

    if (!v)
        return -XEN_ENOMEM;
    d->vcpu[id] = v;
    v->domain = d;
    v->id = id;
    v->info_frame = INVALID_MFN;
    v->own_info.evtchn_upcall_mask = 1;
    v->info = id < XEN_LEGACY_MAX_VCPUS ? &d->shared->vcpu_info[id] : &v->own_info;
    for (unsigned i = 0; i < EVTCHN_FIFO_MAX_QUEUES; i++)
        v->evtchn.queue[i].lock.rank = RANK_EVENT_QUEUE;
    sched_init_vcpu(v);
    vcpu_init_timers(v);
    v->info->time = arch_time_info();
    return arch_vcpu_init(v);
}

static int make_parts(struct domain *d)
{
    const uint64_t wall = arch_boot_wallclock_ns();
    int err = arch_domain_init(d);

    if (err)
        return err;
    d->shared = arch_share_page(d, true);
    if (!d->shared)
        return -XEN_ENOMEM;
    d->shared->wc_sec = wall / 1000000000ul;
    d->shared->wc_sec_hi = wall / 1000000000ul >> 32;
    d->shared->wc_nsec = wall % 1000000000ul;
    d->shared->wc_version = 2;
    if ((err = evtchn_init(d)) || (err = grant_init(d)))
        return err;
    for (unsigned i = 0; i < d->nr_vcpus && !err; i++)
        err = vcpu_create(d, i);
    return err;
}

struct domain *domain_create(const struct domain_config *config)
{
    struct domain *d = arch_alloc_pages(0);

    if (!d)
        return NULL;
    d->id = config->id;
    d->refs = 1;
    d->nr_vcpus = config->vcpus;
    d->max_pages = config->pages;
    d->privileges = config->privileges;
    d->abi = abi_version_find(LAMINA_ABI_VERSION);
    format(d->name, sizeof(d->name), "%s", config->name);
    mutex_init(&d->page_lock);
    d->grant.lock.rank = RANK_GRANTS;
    if (!sched_init_domain(d, config->weight, config->cap, config->cpus)) {
        arch_free_pages(d, 0);
        return NULL;
    }

    int err = make_parts(d);

    spin_lock(&lock);
    domains[d->id] = d;
    __atomic_fetch_add(&alive, 1, __ATOMIC_RELAXED);
    spin_unlock(&lock);
    if (err) {
        domain_destroy(d);
        return NULL;
    }
    return d;
}

void domain_start(struct domain *d)
{
    d->state = DOMAIN_RUNNING;
    d->vcpu[0]->made = VCPU_INITIALISED;
    domain_vcpu_up(d->vcpu[0]);
}

void domain_vcpu_up(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool start;

    spin_lock(&lock);
    start = d->state == DOMAIN_RUNNING && !v->up;
    if (start) {
        d->vcpus_in += !v->started;
        v->started = v->up = true;
    }
    spin_unlock(&lock);
    if (start)
        sched_start(v);
}

void domain_vcpu_down(struct vcpu *v)
{
    const struct domain *d = v->domain;
    bool last = true, was_up;

    spin_lock(&lock);
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        last = last && (d->vcpu[i] == v || !d->vcpu[i]->up);
    was_up = v->up;
    if (!last)
        v->up = false;
    spin_unlock(&lock);
    if (last) {
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
        return;
    }
    __atomic_fetch_or(&v->work, WORK_DOWN, __ATOMIC_SEQ_CST);
    if (was_up)
        sched_notice(v);
}

bool domain_vcpu_may_run(struct vcpu *v, const void *)
{
    return (READ_ONCE(v->up) && !READ_ONCE(v->domain->pauses)) || (READ_ONCE(v->work) & WORK_STOP);
}

/* They stop on their way out, where they hold no lock: at once, unless they are in a hypercall. */
long domain_pause(struct domain *d)
{
    bool can;

    spin_lock(&lock);
    can = d->pauses < UINT8_MAX;
    d->pauses += can;
    spin_unlock(&lock);
    for (unsigned i = 0; can && i < d->nr_vcpus && d->vcpu[i]; i++) {
        __atomic_fetch_or(&d->vcpu[i]->work, WORK_DOWN, __ATOMIC_SEQ_CST);
        sched_notice(d->vcpu[i]);
    }
    arch_outlast_others();
    return can ? 0 : -XEN_EOVERFLOW;
}

long domain_unpause(struct domain *d)
{
    bool was, last;

    spin_lock(&lock);
    was = d->pauses > 0;
    last = d->pauses == 1;
    d->pauses -= was;
    spin_unlock(&lock);
    for (unsigned i = 0; last && i < d->nr_vcpus && d->vcpu[i]; i++)
        if (READ_ONCE(d->vcpu[i]->up))
            sched_start(d->vcpu[i]);
    return was ? 0 : -XEN_EINVAL;
}

/* --- ending --- */

void domain_shutdown(struct domain *d, uint8_t code)
{
    static const char *const names[] = {"powered off",
                                        "asked for a reboot, which Lamina does not do",
                                        "asked to be suspended, which Lamina does not do",
                                        "crashed",
                                        "stopped by its watchdog",
                                        "asked for a soft reset, which Lamina does not do"};
    bool first;

    spin_lock(&lock);
    first = d->state == DOMAIN_RUNNING;
    if (first) {
        d->state = DOMAIN_SHUTDOWN;
        d->shutdown_code = code;
    }
    spin_unlock(&lock);
    if (!first)
        return;
    console_domain_flush(d);
    log_line("%s: %s", d->name,
             code < ARRAY_LEN(names) ? names[code] : "shut down with an unknown code");
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        __atomic_fetch_or(&v->work, WORK_STOP, __ATOMIC_SEQ_CST);
        if (v->started) {
            sched_notice(v);
            sched_start(v); /* if it is down */
        }
    }
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char why[CONSOLE_LINE];
    va_list args;

    if (d->state == DOMAIN_RUNNING) {
        va_start(args, fmt);
        vformat(why, sizeof(why), fmt, args);
        va_end(args);
        console_domain_flush(d);
        log_line("%s: crash: %s", d->name, why);
    }
    domain_shutdown(d, SHUTDOWN_crash);
}

/* Input goes to the next domain that runs. */
static void pass_focus_on(const struct domain *d)
{
    struct domain *next = NULL;

    spin_lock(&lock);
    for (unsigned i = 1; !next && i <= CONFIG_MAX_DOMAINS; i++)
        if (domains[i] && domains[i] != d && domains[i]->state == DOMAIN_RUNNING)
            next = domains[i];
    console_replace_focus(d, next); /* before that one can end, and pass it on itself */
    spin_unlock(&lock);
}

/* What others may still refer to stays: the struct itself and its channels, until domain_reap. */
static void give_back(struct domain *d)
{
    d->dying = true;
    pass_focus_on(d);
    if (d->shared)
        evtchn_destroy(d);
    for (unsigned i = 0; i < d->nr_vcpus && d->vcpu[i]; i++)
        vcpu_retire(d->vcpu[i]);
    arch_outlast_others(); /* who mark events where vcpu_info was */
    for (unsigned i = 0; i < d->nr_vcpus && d->vcpu[i]; i++)
        vcpu_release_info(d->vcpu[i]);
    arch_domain_relinquish(d);
    grant_release_mappings(d);
    grant_destroy(d);
    if (d->console.ring) {
        d->console.ring = NULL;
        arch_frame_put(d->console.ring_frame, true);
    }
}

void domains_one_less(bool failed)
{
    if (failed)
        any_failed = true;
    if (__atomic_sub_fetch(&alive, 1, __ATOMIC_ACQ_REL))
        return;
    audit_end();
    log_line("all domains are over");
    arch_machine_exit(any_failed ? 1 : 0);
}

void domain_destroy(struct domain *d)
{
    const bool failed = d->state == DOMAIN_BUILDING || d->shutdown_code != SHUTDOWN_poweroff;

    give_back(d);
    spin_lock(&lock);
    d->state = DOMAIN_DEAD;
    d->next_ended = ended;
    ended = d;
    spin_unlock(&lock);
    domain_put(d);
    domains_one_less(failed);
}

/* Whether nobody runs on a stack of the domain, `but` apart. */
static bool all_off(const struct domain *d, const struct vcpu *but)
{
    for (unsigned i = 0; i < d->nr_vcpus && d->vcpu[i]; i++)
        if (d->vcpu[i] != but && !sched_is_off(d->vcpu[i]))
            return false;
    return true;
}

void domain_vcpu_stopped(struct vcpu *v)
{
    struct domain *d = v->domain;

    cond_resched(); /* many may come here, one after the other, that wait in the hypervisor */
    if (__atomic_sub_fetch(&d->vcpus_in, 1, __ATOMIC_ACQ_REL) == 0) {
        while (!all_off(d, v)) /* the last steps of another CPU */
            cond_resched();
        domain_destroy(d);
    }
    sched_park();
}

static void free_domain(struct domain *d)
{
    timer_cancel(&d->sched.refill);
    for (unsigned i = 0; i < d->nr_vcpus && d->vcpu[i]; i++) {
        arch_vcpu_free(d->vcpu[i]);
        arch_free_pages(d->vcpu[i], 0);
        cond_resched();
    }
    evtchn_free(d);
    grant_free(d);
    if (d->shared)
        arch_unshare_page(d, d->shared);
    arch_domain_free(d);
    arch_free_pages(d, 0);
}

void domain_reap(void)
{
    struct domain *d, **link;

    if (likely(!READ_ONCE(ended)))
        return;
    spin_lock(&lock);
    for (link = &ended; (d = *link); link = &d->next_ended)
        if (READ_ONCE(d->refs) == 0 && all_off(d, NULL))
            break;
    if (d) {
        *link = d->next_ended;
        domains[d->id] = NULL;
    }
    spin_unlock(&lock);
    if (d) {
        arch_outlast_others();
        free_domain(d);
        audit_now("the end of a domain");
    }
}
