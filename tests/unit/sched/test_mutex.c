#include "fake.h"
#include "tests.h"

#define WORKERS 5

static struct mutex m;
static unsigned workers, inside, came[WORKERS], order[WORKERS], nr_came, nr_done;

/* Gives way while it holds the mutex, so that all others pile up behind it. */
static void worker(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;

    came[nr_came++] = me;
    mutex_lock(&m);
    assert_true(mutex_held(&m));
    assert_int_equal(inside++, 0);
    for (unsigned i = 0; i < 3; i++)
        sched_give_way();
    assert_int_equal(--inside, 0);
    assert_int_equal(operations_suspended, workers - nr_done - 1); /* all that wait */
    order[nr_done++] = me;
    mutex_unlock(&m);
    assert_false(mutex_held(&m));
}

static struct domain *start_workers(void (*body)(void *arg))
{
    struct domain *d = fake_new_domain(WORKERS);

    mutex_init(&m);
    workers = WORKERS;
    inside = nr_came = nr_done = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        fake_give_body(d->vcpu[i], body, (void *)(uintptr_t)i);
        sched_start(d->vcpu[i]);
    }
    return d;
}

void mutex_hands_over_in_order(void **state)
{
    struct domain *d = start_workers(worker);

    (void)state;
    fake_run(0);
    assert_int_equal(nr_done, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(order[i], came[i]);
    assert_int_equal(m.owner, 0);
    fake_cpu_end();
    fake_free_domain(d);
}

static unsigned turns;

static void busy_worker(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < 50; i++) {
        mutex_lock(&m);
        assert_int_equal(inside++, 0);
        fake_compute(3000000);
        turns++;
        assert_int_equal(--inside, 0);
        mutex_unlock(&m);
        fake_compute(1000000);
    }
}

void mutex_excludes(void **state)
{
    struct domain *d = start_workers(busy_worker);

    (void)state;
    turns = 0;
    fake_run(0);
    assert_int_equal(turns, 50 * WORKERS);
    fake_cpu_end();
    fake_free_domain(d);
}

static struct domain *disturbed;

static void disturber(void *arg)
{
    (void)arg;
    mutex_lock(&m);
    for (unsigned i = 0; i < 20; i++) {
        for (unsigned k = 1; k < WORKERS; k++)
            sched_wake(disturbed->vcpu[k]);
        sched_give_way();
        assert_int_equal(inside, 0);
    }
    mutex_unlock(&m);
}

static void stopped_worker(void *arg)
{
    __atomic_fetch_or(&current->work, WORK_STOP, __ATOMIC_SEQ_CST);
    worker(arg);
}

/* Also for vCPUs of a domain that was shut down: they wait on, and do not spin. */
void mutex_outlasts_spurious_wakes(void **state)
{
    struct domain *d = disturbed = fake_new_domain(WORKERS);

    (void)state;
    mutex_init(&m);
    workers = WORKERS - 1;
    inside = nr_came = nr_done = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        fake_give_body(d->vcpu[i], i ? stopped_worker : disturber, (void *)(uintptr_t)i);
        sched_start(d->vcpu[i]);
    }
    fake_run(0);
    assert_int_equal(nr_done, WORKERS - 1);
    fake_cpu_end();
    fake_free_domain(d);
}

void mutex_is_free_when_nobody_waits(void **state)
{
    (void)state;
    mutex_init(&m);
    assert_false(mutex_held(&m));
    for (unsigned i = 0; i < 3; i++) {
        mutex_lock(&m);
        assert_true(mutex_held(&m));
        mutex_unlock(&m);
        assert_int_equal(m.owner, 0);
    }
}
