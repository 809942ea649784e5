#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/hypercall.h"
#include "core/log.h"

#define MAX_DOMAINS 8

static struct abi_version abi;

static struct domain *domains[MAX_DOMAINS]; /* by id; 0 is no domain's */

void fake_set_subops(bool all)
{
    memset(abi.subops, all ? 0xff : 0, sizeof(abi.subops));
}

struct domain *domain_get(uint16_t id)
{
    struct domain *d;

    if (id == DOMID_SELF)
        id = current->domain->id;
    d = id < MAX_DOMAINS ? domains[id] : NULL;
    if (d)
        d->refs++;
    return d;
}

void domain_put(struct domain *d)
{
    assert_true(d->refs > 1);
    d->refs--;
}

int domain_check_own(uint16_t id)
{
    struct domain *d = domain_get(id);

    if (!d)
        return -XEN_ESRCH;
    domain_put(d);
    return d == current->domain ? 0 : -XEN_EPERM;
}

void domain_vcpu_up(struct vcpu *v)
{
    v->up = true;
    sched_start(v);
}

void domain_vcpu_down(struct vcpu *v)
{
    v->up = false;
}

void domain_shutdown(struct domain *d, uint8_t code)
{
    if (d->state != DOMAIN_RUNNING)
        return;
    d->state = DOMAIN_SHUTDOWN;
    d->shutdown_code = code;
    for (unsigned i = 0; i < d->nr_vcpus; i++) {
        d->vcpu[i]->work |= WORK_STOP;
        sched_wake(d->vcpu[i]);
    }
}

struct domain *fake_new_domain(unsigned nr_vcpus)
{
    struct domain *d = calloc(1, sizeof(*d));
    uint16_t id = 1;

    while (domains[id])
        id++;
    domains[id] = d;
    d->id = id;
    d->abi = &abi;
    fake_set_subops(true);
    d->state = DOMAIN_RUNNING;
    d->refs = 1;
    d->nr_vcpus = nr_vcpus;
    d->shared = arch_share_page(d, true);
    mutex_init(&d->page_lock);
    assert_true(sched_init_domain(d, 256, 0, ~0ul));
    snprintf(d->name, sizeof(d->name), "d%u", id);
    for (unsigned i = 0; i < nr_vcpus; i++) {
        struct vcpu *v = calloc(1, sizeof(*v));

        d->vcpu[i] = v;
        v->domain = d;
        v->id = (uint16_t)i;
        v->info = &d->shared->vcpu_info[i];
        v->info_frame = INVALID_MFN;
        sched_init_vcpu(v);
    }
    return d;
}

extern struct spinlock evtchn_lock __attribute__((weak)); /* not every test has event channels */

void fake_no_lock_held(void)
{
    if (&evtchn_lock && evtchn_lock.held)
        panic("the spin lock of event channels is held");
    for (unsigned i = 0; i < MAX_DOMAINS; i++)
        if (domains[i] && domains[i]->grant.lock.held)
            panic("a spin lock of domain %u is held", i); /* the test could not end otherwise */
}

void fake_free_domain(struct domain *d)
{
    assert_int_equal(d->refs, 1);
    domains[d->id] = NULL;
    timer_cancel(&d->sched.refill);
    for (unsigned i = 0; i < d->nr_vcpus; i++)
        free(d->vcpu[i]);
    arch_unshare_page(d, d->shared);
    free(d);
}

void guest_log(struct domain *d, const char *fmt, ...)
{
    (void)d, (void)fmt;
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("panic: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}
