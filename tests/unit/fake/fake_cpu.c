#define sched_yield sched_yield_of_the_host
#include <pthread.h>
#include <semaphore.h>
#undef sched_yield

#include "fake.h"

#define MAX_THREADS 64

uint64_t fake_now;
uint64_t fake_deadline;
unsigned fake_switches, fake_polls;

struct fake_thread {
    pthread_t thread;
    sem_t go;
    bool quit;
    struct vcpu *v;
    void (*body)(void *arg);
    void *arg;
};

static struct vcpu *running;
static struct fake_thread idle_thread;
static struct vcpu idle = {.idle = true, .arch.thread = &idle_thread};
static struct domain idle_domain = {.id = DOMID_IDLE, .name = "idle"};
static struct fake_thread threads[MAX_THREADS];
static unsigned nr_threads;

struct vcpu *arch_current(void)
{
    return running;
}

unsigned arch_this_cpu(void)
{
    return 0;
}

void fake_become(struct vcpu *v)
{
    running = v;
}

struct vcpu *fake_idle(void)
{
    return &idle;
}

void fake_cpu_init(void)
{
    idle.domain = &idle_domain;
    idle.work = 0;
    sem_init(&idle_thread.go, 0, 0);
    running = &idle;
    fake_now = 1000000;
    fake_deadline = 0;
    fake_switches = fake_polls = 0;
    sched_init_cpu(0, &idle);
    timer_interrupt(); /* forgets what an earlier test had programmed */
}

static void *thread_main(void *arg)
{
    struct fake_thread *t = arg;

    while (sem_wait(&t->go))
        ;
    if (!t->quit) {
        sched_resumed();
        t->body(t->arg);
        sched_park();
    }
    return NULL;
}

void fake_give_body(struct vcpu *v, void (*body)(void *arg), void *arg)
{
    struct fake_thread *t = &threads[nr_threads++];

    assert_true(nr_threads <= MAX_THREADS);
    *t = (struct fake_thread){.v = v, .body = body, .arg = arg};
    sem_init(&t->go, 0, 0);
    v->arch.thread = t;
    assert_int_equal(pthread_create(&t->thread, NULL, thread_main, t), 0);
}

void arch_switch(struct vcpu *prev, struct vcpu *next)
{
    struct fake_thread *t = prev->arch.thread;

    fake_switches++;
    running = next;
    if (!t || !next->arch.thread)
        return;
    sem_post(&next->arch.thread->go);
    while (sem_wait(&t->go))
        ;
    if (t->quit)
        pthread_exit(NULL);
}

void fake_cpu_end(void)
{
    for (unsigned i = 0; i < nr_threads; i++) {
        threads[i].quit = true;
        sem_post(&threads[i].go);
        pthread_join(threads[i].thread, NULL);
        sem_destroy(&threads[i].go);
    }
    nr_threads = 0;
    sem_destroy(&idle_thread.go);
}

__attribute__((weak)) void arch_outlast_others(void)
{
}

void arch_kick_cpu(unsigned cpu)
{
    (void)cpu;
    fail_msg("there is one CPU only");
}

int fake_initialise_answer;
unsigned fake_initialised;

int arch_vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c)
{
    (void)v;
    if (!fake_initialise_answer)
        fake_initialised = (unsigned)c->user_regs.rip;
    return fake_initialise_answer;
}

void arch_kick_vcpu(struct vcpu *v)
{
    v->arch.kicks++;
}

uint64_t arch_now_ns(void)
{
    return fake_now;
}

void arch_set_timer(uint64_t deadline_ns)
{
    fake_deadline = deadline_ns;
}

static void take_interrupts(void)
{
    while (fake_deadline && fake_deadline <= fake_now)
        timer_interrupt();
}

void arch_poll_interrupts(void)
{
    fake_polls++;
    fake_now += 100; /* it takes its time */
    take_interrupts();
}

__attribute__((weak)) void domain_reap(void)
{
}

void arch_wait_for_interrupt(void)
{
    fail_msg("a test does not idle");
}

void fake_pass(uint64_t ns)
{
    uint64_t end = fake_now + ns;

    while (fake_deadline && fake_deadline <= end) {
        fake_now = MAX(fake_now, fake_deadline);
        timer_interrupt();
    }
    fake_now = end;
}

void fake_compute(uint64_t ns)
{
    while (ns) {
        uint64_t step = ns;

        if (fake_deadline > fake_now)
            step = MIN(ns, fake_deadline - fake_now);
        fake_now += step;
        ns -= step;
        take_interrupts();
        if (running->work & WORK_RESCHED)
            schedule();
    }
}

void fake_run(unsigned jumps)
{
    assert_ptr_equal(running, &idle);
    schedule();
    while (jumps-- && fake_deadline) {
        fake_pass(fake_deadline > fake_now ? fake_deadline - fake_now : 0);
        schedule();
    }
}
