#include "machine.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"

#define MAX_PLAYERS 1100

static struct cpu {
    struct vcpu idle, *running;
    uint64_t deadline; /* of its timer; 0: none */
    uint64_t kick_at;  /* 0: none is on its way */
} cpus[MAX_CPUS];

struct player players[MAX_PLAYERS];
unsigned nr_players;
uint64_t now, kick_takes;
unsigned switches, kicks;
static unsigned nr_cpus, here;
static struct domain idle_domain = {.id = DOMID_IDLE, .name = "idle"};
static bool stopping;
static jmp_buf *idle_waits;

/* --- the architecture --- */

struct vcpu *arch_current(void)
{
    return cpus[here].running;
}

unsigned arch_this_cpu(void)
{
    return here;
}

uint64_t arch_now_ns(void)
{
    return now;
}

void arch_set_timer(uint64_t deadline_ns)
{
    cpus[here].deadline = deadline_ns;
}

void arch_kick_cpu(unsigned cpu)
{
    uint64_t at = now + (kick_takes ? (uint64_t)rand() % (kick_takes + 1) : 0);

    assert_true(cpu < nr_cpus);
    assert_int_not_equal(cpu, here);
    kicks++;
    if (!cpus[cpu].kick_at || at < cpus[cpu].kick_at)
        cpus[cpu].kick_at = at;
}

void arch_kick_vcpu(struct vcpu *)
{
}

void arch_switch(struct vcpu *prev, struct vcpu *next)
{
    assert_ptr_equal(prev, current);
    switches++;
    cpus[here].running = next;
}

void arch_wait_for_interrupt(void)
{
    longjmp(*idle_waits, 1);
}

/* Each turn of the idle loop begins so. */
void domain_reap(void)
{
    if (!current->idle)
        longjmp(*idle_waits, 1);
}

void arch_poll_interrupts(void)
{
}

bool copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    (void)dst, (void)src, (void)bytes;
    return false;
}

void guest_log(struct domain *d, const char *fmt, ...)
{
    (void)d, (void)fmt;
}

void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    abort();
}

/* --- players --- */

static struct player *player_of(struct vcpu *v)
{
    return container_of(v, struct player, v);
}

static void alarm_rings(struct timer *t)
{
    struct player *p = container_of(t, struct player, alarm);

    p->woken_at = now;
    sched_wake(&p->v);
}

static struct player *new_player(struct domain *d, uint64_t may_run_on,
                                 void (*next)(struct player *p))
{
    struct player *p = &players[nr_players++];

    assert_true(nr_players <= MAX_PLAYERS);
    *p = (struct player){.d = d, .cpus = may_run_on, .next = next};
    p->v.domain = d;
    p->v.id = (uint16_t)d->nr_vcpus;
    d->vcpu[d->nr_vcpus++] = &p->v;
    timer_init(&p->alarm, alarm_rings);
    sched_init_vcpu(&p->v);
    return p;
}

struct player *join(const struct player *other, void (*next)(struct player *p))
{
    return new_player(other->d, other->cpus, next);
}

struct player *add_on(uint64_t may_run_on, uint32_t weight, uint32_t cap,
                      void (*next)(struct player *p))
{
    struct domain *d = calloc(1, sizeof(*d));

    assert_true(sched_init_domain(d, weight, cap, may_run_on));
    return new_player(d, may_run_on, next);
}

/* --- checks --- */

static bool is_ready(const struct player *p)
{
    return p->v.sched.state == STATE_RUNNABLE && !p->d->sched.used_up;
}

static void check_cpus(void)
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
        struct vcpu *v = cpus[cpu].running;

        assert_int_equal(v->sched.cpu, cpu); /* so it runs on no other */
        assert_int_equal(v->sched.state, STATE_RUNNING);
        if (!v->idle && !(player_of(v)->cpus >> cpu & 1))
            fail_msg("one that may run on %#lx runs on CPU %u", player_of(v)->cpus, cpu);
    }
}

static void check_all_work(void)
{
    uint64_t idle = 0;

    for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
        idle |= (uint64_t)cpus[cpu].running->idle << cpu;
    for (struct player *p = players; p < players + nr_players; p++) {
        if (!is_ready(p)) {
            p->idle_beside_since = 0;
            continue;
        }
        p->longest_wait = MAX(p->longest_wait, now - p->v.sched.since_ns);
        if (!(p->cpus & idle))
            p->idle_beside_since = 0;
        else if (!p->idle_beside_since)
            p->idle_beside_since = now;
        /* One kick may be taken by another vCPU, for which there is a second one. */
        else if (now - p->idle_beside_since > 2 * kick_takes)
            fail_msg("vCPU %u is ready since %lu ns, and of CPUs %#lx idle %#lx",
                     (unsigned)(p - players), now - p->idle_beside_since, p->cpus, idle);
    }
}

/* --- the play --- */

void machine_go_to(unsigned cpu)
{
    here = cpu;
}

static void idle_loop(void)
{
    jmp_buf *outer = idle_waits, mine;

    idle_waits = &mine;
    if (!setjmp(mine))
        sched_idle();
    idle_waits = outer;
}

/* What the way out of the hypervisor does. */
static void leave(void)
{
    do {
        if (current->work & WORK_RESCHED)
            schedule();
        if (current->idle)
            idle_loop();
    } while (current->work & WORK_RESCHED);
    if (!current->idle && player_of(current)->woken_at) {
        struct player *p = player_of(current);

        p->late = MAX(p->late, now - p->woken_at);
        p->woken_at = 0;
    }
}

static void go_on(struct player *p)
{
    if (stopping) {
        timer_cancel(&p->alarm);
        sched_block(STATE_BLOCKED, NULL, NULL);
    } else {
        p->next(p);
    }
}

/* Whatever is due on this CPU; false: nothing. */
static bool act(struct cpu *c)
{
    if (c->kick_at && c->kick_at <= now) {
        c->kick_at = 0;
        sched_look();
    } else if (c->deadline && c->deadline <= now) {
        timer_interrupt();
    } else if (!c->running->idle && (stopping || !player_of(c->running)->left)) {
        go_on(player_of(c->running));
    } else {
        return false;
    }
    leave();
    return true;
}

static void act_all(void)
{
    unsigned first = (unsigned)rand() % nr_cpus;
    bool acted;

    do {
        acted = false;
        for (unsigned i = 0; i < nr_cpus; i++) {
            here = (first + i) % nr_cpus;
            acted |= act(&cpus[here]);
        }
    } while (acted);
}

static uint64_t next_moment(uint64_t end)
{
    for (const struct cpu *c = cpus; c < cpus + nr_cpus; c++) {
        end = MIN(end, c->kick_at ? c->kick_at : end);
        end = MIN(end, c->deadline ? c->deadline : end);
        if (!c->running->idle)
            end = MIN(end, now + player_of(c->running)->left);
    }
    return MAX(end, now);
}

static void pass_to(uint64_t then)
{
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
        if (!cpus[cpu].running->idle) {
            struct player *p = player_of(cpus[cpu].running);

            p->ran += then - now;
            p->left -= then - now;
        }
    now = then;
}

void play(uint64_t ns)
{
    uint64_t end = now + ns;

    while (now < end) {
        act_all();
        check_cpus();
        check_all_work();
        pass_to(next_moment(end));
    }
}

void woken_elsewhere(struct player *p)
{
    unsigned home = here, other = (home + 1 + (unsigned)rand() % MAX(nr_cpus - 1, 1)) % nr_cpus;

    here = other;
    sched_wake(&p->v);
    if (other != home && cpus[other].running->idle)
        leave();
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
        if (cpu != home && cpus[cpu].running == &p->v)
            fail_msg("it runs on CPU %u, and has not left CPU %u", cpu, home);
    here = home;
}

void start_all(void)
{
    here = 0;
    for (unsigned i = 0; i < nr_players; i++)
        sched_start(&players[i].v);
    leave();
}

void machine_begin(unsigned nr)
{
    srand(1);
    nr_cpus = nr;
    now = SECOND;
    kick_takes = nr_players = kicks = switches = 0;
    stopping = false;
    for (here = 0; here < nr; here++) {
        cpus[here] = (struct cpu){.idle = {.idle = true, .domain = &idle_domain}};
        cpus[here].running = &cpus[here].idle;
        sched_init_cpu(here, &cpus[here].idle);
        timer_interrupt(); /* forgets what an earlier test had programmed */
        idle_loop();
    }
    here = 0;
}

static bool is_over(void)
{
    for (unsigned i = 0; i < nr_players; i++)
        if (players[i].v.sched.state <= STATE_RUNNABLE || timer_is_set(&players[i].d->sched.refill))
            return false;
    for (unsigned cpu = 0; cpu < nr_cpus; cpu++)
        if (cpus[cpu].deadline)
            return false;
    return true;
}

void machine_end(void)
{
    stopping = true;
    for (unsigned i = 0; i < nr_players; i++)
        timer_cancel(&players[i].alarm);
    while (!is_over()) {
        act_all();
        pass_to(next_moment(now + SECOND));
    }
    for (unsigned i = 0; i < nr_players; i++)
        if (players[i].v.id == 0)
            free(players[i].d);
}
