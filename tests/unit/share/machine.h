/* A host of several CPUs in virtual time: the test's own thread plays each CPU in turn, all clocks
 * stand still meanwhile. vCPUs have no threads; what they do is a function. After each moment at
 * which anything happened it is checked that every vCPU runs on one CPU at most, on one that its
 * domain may run on, and that no CPU idles while one is ready for it. */
#ifndef MACHINE_H
#define MACHINE_H

#include "fake.h"

#define SECOND 1000000000ul
#define MS     1000000ul
#define US     1000ul

struct player {
    struct vcpu v;
    struct domain *d;
    uint64_t cpus;                  /* on which it may run */
    void (*next)(struct player *p); /* what it does when `left` is used up; sets `left` */
    uint64_t run, sleep;            /* for `next` */
    struct player *partner;
    struct timer alarm;
    uint64_t left; /* to compute, before that */
    uint64_t ran, woken_at, late, longest_wait, idle_beside_since;
    unsigned phase;
};

extern struct player players[];
extern unsigned nr_players;
extern uint64_t now;
extern unsigned switches, kicks;
/* An interrupt from another CPU takes up to so long. */
extern uint64_t kick_takes;

void machine_begin(unsigned nr_cpus);
/* Lets everybody sleep, and frees them. */
void machine_end(void);
/* A vCPU of the other one's domain, or of a new one. */
struct player *join(const struct player *other, void (*next)(struct player *p));
struct player *add_on(uint64_t cpus, uint32_t weight, uint32_t cap, void (*next)(struct player *p));
void start_all(void);
void play(uint64_t ns);
/* Another CPU than the caller's wakes the vCPU, and then itself looks whom it can run. */
void woken_elsewhere(struct player *p);
/* The test's thread goes to that CPU. */
void machine_go_to(unsigned cpu);

#endif
