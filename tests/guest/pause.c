/* Two domains that work, each on two vCPUs, and one that pauses them; then the two pause each
 * other, and the third sees to it that they go on. What each has done stands on a page that it
 * shares with the third (wires "one" and "two"; the command line says which one we are). */
#include "check.h"

#define MS        1000000ul
#define NOBODY    0x6fff
#define MOST      255 /* pauses at once */
#define ENCOUNTER 100 /* so often each pauses the other */

struct board {
    uint64_t spins, naps; /* by vCPU 0, by vCPU 1 */
    uint64_t pauses;      /* of the enemy, as domctl answered 0 */
    uint64_t enemy;       /* 0: none */
    uint64_t stop, over;
};

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static char pages[2][LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));

static void sleep_ns(uint64_t ns)
{
    struct sched_poll poll = {.timeout = lm_time_ns() + ns};

    hypercall_sched_op(SCHEDOP_poll, &poll);
}

static long control(uint32_t cmd, uint16_t domain)
{
    struct xen_domctl op = {
        .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = domain};

    return hypercall_domctl(&op);
}

/* --- who is paused --- */

static void nap(void *arg)
{
    volatile struct board *b = arg;

    while (!b->stop) {
        b->naps++;
        sleep_ns(MS / 5);
    }
    b->over = 1;
    hypercall_vcpu_op(VCPUOP_down, 1, NULL);
}

static int work(const struct lamina_wire *wire)
{
    static struct lm_grants grants;
    static struct lm_vcpu second;
    static char stack[4 * LM_PAGE_SIZE] __attribute__((aligned(16)));
    volatile struct board *b = (void *)pages[0];

    lm_assert(lm_grants_init(&grants, grant_area, 1) == 0);
    lm_assert(lm_grant_access_at(&grants, wire->id, wire->peer, lm_virt_to_mfn(pages[0]), false) ==
              0);
    lm_assert(lm_vcpu_start(&second, 1, nap, (void *)b, stack, sizeof(stack)) == 0);
    while (!b->stop) {
        uint16_t enemy = (uint16_t)b->enemy;

        b->spins++;
        if (enemy && control(XEN_DOMCTL_pausedomain, enemy) == 0) {
            b->pauses++;
            control(XEN_DOMCTL_unpausedomain, enemy); /* unless the third one did */
            sleep_ns(MS / 10);
        }
    }
    while (!b->over)
        sleep_ns(MS);
    return 0;
}

/* --- who pauses --- */

static volatile struct board *const boards[] = {(void *)pages[0], (void *)pages[1]};
static uint16_t domains[2];

static void find(unsigned i, const char *name)
{
    struct lamina_wire wire = lm_wire_need(name, LAMINA_WIRE_shared_page);
    struct lm_grant_mapping mapping;

    domains[i] = wire.peer;
    while (lm_grant_map(&mapping, wire.peer, wire.id, pages[i], false) != 0)
        sleep_ns(MS);
}

/* In the time that it takes to be sure, or a second. */
static bool moves(unsigned i, uint64_t ns)
{
    uint64_t spins = boards[i]->spins, naps = boards[i]->naps, until = lm_time_ns() + ns;

    do
        sleep_ns(MS);
    while ((boards[i]->spins == spins || boards[i]->naps == naps) && lm_time_ns() < until);
    return boards[i]->spins != spins || boards[i]->naps != naps;
}

static void stands_and_goes(unsigned i)
{
    unsigned still = 0, went = 0;

    for (unsigned round = 0; round < 20; round++) {
        lm_assert(control(XEN_DOMCTL_pausedomain, domains[i]) == 0);
        still += !moves(i, 3 * MS);
        lm_assert(control(XEN_DOMCTL_unpausedomain, domains[i]) == 0);
        went += moves(i, 1000 * MS);
    }
    check(still, 20, "domain %u: nothing happens while it is paused", domains[i]);
    check(went, 20, "domain %u: it goes on", domains[i]);

    check(control(XEN_DOMCTL_pausedomain, domains[i]), 0, "pause");
    check(control(XEN_DOMCTL_pausedomain, domains[i]), 0, "pause it again");
    check(control(XEN_DOMCTL_unpausedomain, domains[i]), 0, "unpause once");
    check(moves(i, 3 * MS), false, "it is paused still");
    check(control(XEN_DOMCTL_unpausedomain, domains[i]), 0, "unpause");
    check(moves(i, 1000 * MS), true, "it goes on after the last one");
    check(control(XEN_DOMCTL_unpausedomain, domains[i]), -XEN_EINVAL, "it is not paused");
}

static void many_at_once(uint16_t domain)
{
    unsigned paused = 0, taken_back = 0;

    while (paused < MOST && control(XEN_DOMCTL_pausedomain, domain) == 0)
        paused++;
    check(paused, MOST, "so many pauses at once");
    check(control(XEN_DOMCTL_pausedomain, domain), -XEN_EOVERFLOW, "one more");
    while (control(XEN_DOMCTL_unpausedomain, domain) == 0)
        taken_back++;
    check(taken_back, MOST, "all taken back");
}

static void pause_each_other(void)
{
    uint64_t until = lm_time_ns() + 20000 * MS;

    for (unsigned i = 0; i < 2; i++)
        boards[i]->enemy = domains[!i];
    while ((boards[0]->pauses < ENCOUNTER || boards[1]->pauses < ENCOUNTER) && lm_time_ns() < until)
        for (unsigned i = 0; i < 2; i++) {
            control(XEN_DOMCTL_unpausedomain, domains[i]);
            sleep_ns(MS / 5);
        }
    for (unsigned i = 0; i < 2; i++) {
        check(boards[i]->pauses >= ENCOUNTER, true, "domain %u could pause the other", domains[i]);
        boards[i]->enemy = 0;
    }
    for (unsigned i = 0; i < 200; i++) { /* until each has seen that it has no enemy any more */
        control(XEN_DOMCTL_unpausedomain, domains[i % 2]);
        sleep_ns(MS / 5);
    }
}

static void refusals(void)
{
    struct xen_domctl old = {.cmd = XEN_DOMCTL_pausedomain,
                             .interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1,
                             .domain = domains[0]};

    check(control(XEN_DOMCTL_pausedomain, check_own_domid()), -XEN_EINVAL, "pause oneself");
    check(control(XEN_DOMCTL_pausedomain, DOMID_SELF), -XEN_EINVAL, "pause DOMID_SELF");
    check(control(XEN_DOMCTL_pausedomain, NOBODY), -XEN_ESRCH, "pause nobody");
    check(hypercall_domctl(&old), -XEN_EACCES, "another version of the interface");
    check(control(1000, domains[0]), -XEN_ENOSYS, "an unknown operation");
}

int main(void)
{
    const char *name = (const char *)lm_start_info->cmd_line;

    if (*name) {
        struct lamina_wire wire = lm_wire_need(name, LAMINA_WIRE_shared_page);

        return work(&wire);
    }
    find(0, "one");
    find(1, "two");
    refusals();
    for (unsigned i = 0; i < 2; i++)
        stands_and_goes(i);
    many_at_once(domains[0]);
    check(moves(0, 1000 * MS), true, "it goes on after them");
    pause_each_other();
    for (unsigned i = 0; i < 2; i++) {
        check(moves(i, 1000 * MS), true, "domain %u goes on at the end", domains[i]);
        boards[i]->stop = 1;
    }
    return check_done();
}
