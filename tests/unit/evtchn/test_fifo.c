/* Event channels: the FIFO ABI. */
#include <pthread.h>

#include "helpers.h"
#include "core/evtchn_internal.h"

#include <stdlib.h>
#include <string.h>

#define STATE (FIFO_PENDING | FIFO_MASKED | FIFO_LINKED)

/* a's pages. */
static uint64_t block_frame, words_frame;
static struct evtchn_fifo_control_block *block[2];
static uint32_t *words;

static long init_control(uint64_t frame, uint32_t offset, uint32_t vcpu)
{
    struct evtchn_init_control op = {.control_gfn = frame, .offset = offset, .vcpu = vcpu};
    long rc = do_event_channel_op(EVTCHNOP_init_control, fake_ptr(&op));

    return rc ? rc : op.link_bits;
}

static long expand_array(uint64_t frame)
{
    struct evtchn_expand_array op = {.array_gfn = frame};

    return do_event_channel_op(EVTCHNOP_expand_array, fake_ptr(&op));
}

static long set_priority(uint32_t port, uint32_t priority)
{
    struct evtchn_set_priority op = {.port = port, .priority = priority};

    return do_event_channel_op(EVTCHNOP_set_priority, fake_ptr(&op));
}

static void make_pages(void)
{
    char *page;

    block_frame = fake_new_frame(a);
    words_frame = fake_new_frame(a);
    page = fake_frame[block_frame].bytes;
    block[0] = (void *)page;
    block[1] = (void *)(page + 128);
    words = fake_frame[words_frame].bytes;
}

static void use_fifo(void)
{
    make_pages();
    assert_int_equal(init_control(block_frame, 0, 0), EVTCHN_FIFO_LINK_BITS);
    assert_int_equal(init_control(block_frame, 128, 1), EVTCHN_FIFO_LINK_BITS);
    assert_int_equal(expand_array(words_frame), 0);
}

/* As the guest takes an event out of its queue. */
static uint32_t take(uint32_t port)
{
    uint32_t next = words[port] & FIFO_LINK_MASK;

    words[port] &= ~(FIFO_PENDING | FIFO_LINKED | FIFO_LINK_MASK);
    return next;
}

static uint32_t new_ipi(unsigned vcpu)
{
    uint32_t port;

    assert_int_equal(bind_ipi(vcpu, &port), 0);
    return port;
}

static bool upcall(unsigned vcpu)
{
    return __atomic_exchange_n(&a->vcpu[vcpu]->info->evtchn_upcall_pending, 0, __ATOMIC_SEQ_CST);
}

/* --- the change --- */

void before_the_change(void **state)
{
    (void)state;
    make_pages();
    assert_int_equal(expand_array(words_frame), -XEN_EOPNOTSUPP);
    assert_int_equal(set_priority(new_ipi(0), 3), -XEN_ENOSYS);
    assert_int_equal(set_priority(EVTCHN_2L_NR_CHANNELS, 3), -XEN_EINVAL);
}

void init_control_errors(void **state)
{
    struct evtchn_init_control op = {.vcpu = 0};

    (void)state;
    make_pages();
    assert_int_equal(init_control(block_frame, 4, 2), -XEN_ENOENT);
    assert_int_equal(init_control(block_frame, 0, UINT32_MAX), -XEN_ENOENT);
    assert_int_equal(init_control(block_frame, 4, 0), -XEN_EINVAL);
    assert_int_equal(init_control(block_frame, PAGE_SIZE - 64, 0), -XEN_EINVAL);
    assert_int_equal(init_control(block_frame, (uint32_t)-8, 0), -XEN_EINVAL);
    assert_int_equal(init_control(0, 0, 0), -XEN_EINVAL);
    assert_int_equal(init_control(~0ul, 0, 0), -XEN_EINVAL);
    assert_int_equal(init_control(fake_new_frame(b), 0, 0), -XEN_EINVAL);
    fake_frame[block_frame].is_page_table = true;
    assert_int_equal(init_control(block_frame, 0, 0), -XEN_EINVAL);
    fake_frame[block_frame].is_page_table = false;
    op.control_gfn = block_frame;
    fake_make_readonly(&op, sizeof(op));
    assert_int_equal(do_event_channel_op(EVTCHNOP_init_control, fake_ptr(&op)), -XEN_EFAULT);
    fake_make_readonly(NULL, 0);
    assert_int_equal(expand_array(words_frame), -XEN_EOPNOTSUPP);
    assert_int_equal(fake_frame[block_frame].refs, 0);

    assert_int_equal(init_control(block_frame, PAGE_SIZE - 72, 0), EVTCHN_FIFO_LINK_BITS);
    assert_int_equal(init_control(block_frame, 0, 0), -XEN_EINVAL);
    assert_int_equal(fake_frame[block_frame].refs, 1);
}

void expand_array_errors(void **state)
{
    (void)state;
    use_fifo();
    assert_int_equal(expand_array(0), -XEN_EINVAL);
    assert_int_equal(expand_array(fake_new_frame(b)), -XEN_EINVAL);
    fake_frame[words_frame].is_page_table = true;
    assert_int_equal(expand_array(words_frame), -XEN_EINVAL);
    fake_frame[words_frame].is_page_table = false;
    for (unsigned i = 1; i < EVTCHN_FIFO_NR_CHANNELS / EVTCHN_WORDS_PER_PAGE; i++)
        assert_int_equal(expand_array(words_frame), 0);
    assert_int_equal(expand_array(words_frame), -XEN_ENOSPC);
    assert_int_equal(fake_frame[words_frame].refs, 128);
}

void pending_carries_over(void **state)
{
    uint32_t pending, masked, quiet;

    (void)state;
    pending = new_ipi(0);
    masked = new_ipi(1);
    quiet = new_ipi(0);
    send(pending);
    send(masked);
    make_pages();
    words[masked] = FIFO_MASKED;
    assert_int_equal(init_control(block_frame, 0, 0), EVTCHN_FIFO_LINK_BITS);
    assert_false(is_pending(a, pending)); /* there is no word to say so */
    assert_int_equal(expand_array(words_frame), 0);
    assert_int_equal(words[pending], FIFO_PENDING | FIFO_LINKED);
    assert_int_equal(words[masked], FIFO_PENDING | FIFO_MASKED);
    assert_int_equal(words[quiet], 0);
    assert_int_equal(block[0]->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    assert_int_equal(block[0]->head[EVTCHN_FIFO_PRIORITY_DEFAULT], pending);
    assert_int_equal(a->shared->evtchn_pending[0], 0);
}

void held_until_there_is_a_word(void **state)
{
    uint32_t port, closed;

    (void)state;
    make_pages();
    init_control(block_frame, 0, 0);
    port = new_ipi(0);
    closed = new_ipi(0);
    send(port);
    send(closed);
    assert_int_equal(unmask(port), 0);
    assert_int_equal(close_port(closed), 0);
    assert_false(upcall(0));
    closed = new_ipi(0);
    assert_int_equal(expand_array(words_frame), 0);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_LINKED);
    assert_int_equal(words[closed], 0);
    assert_true(upcall(0));
}

/* --- words and queues --- */

void states_of_a_word(void **state)
{
    uint32_t port;

    (void)state;
    use_fifo();
    port = new_ipi(0);
    send(port);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_LINKED);
    assert_true(upcall(0));
    send(port);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_LINKED);
    assert_false(upcall(0));
    /* Taken out by a guest that does not clear pending, and sent again. */
    words[port] = FIFO_PENDING;
    block[0]->ready = 0;
    send(port);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_LINKED);
    assert_true(upcall(0));
    /* Pending cleared while it is in the queue: it stays there. */
    words[port] = FIFO_LINKED;
    send(port);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_LINKED);
    assert_false(upcall(0));
    take(port);
    words[port] = FIFO_MASKED;
    send(port);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_MASKED);
    assert_false(upcall(0));
}

void unmask_queues_what_is_pending(void **state)
{
    uint32_t port;

    (void)state;
    use_fifo();
    port = new_ipi(1);
    words[port] = FIFO_MASKED;
    assert_int_equal(unmask(port), 0);
    assert_int_equal(words[port], 0);
    words[port] = FIFO_MASKED;
    send(port);
    assert_int_equal(unmask(port), 0);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_LINKED);
    assert_true(upcall(1));
    assert_int_equal(block[1]->head[7], port);
    /* It was cleared by the guest itself, which asks because it is pending. */
    words[port] = FIFO_PENDING;
    block[1]->ready = 0;
    assert_int_equal(unmask(port), 0);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_LINKED);
    assert_int_equal(unmask(EVTCHN_2L_NR_CHANNELS), -XEN_EINVAL);
    assert_int_equal(unmask(100), 0);
}

void queue_is_a_chain(void **state)
{
    uint32_t port[3];

    (void)state;
    use_fifo();
    for (unsigned i = 0; i < 3; i++) {
        port[i] = new_ipi(0);
        send(port[i]);
    }
    assert_int_equal(block[0]->head[7], port[0]);
    assert_int_equal(words[port[0]] & FIFO_LINK_MASK, port[1]);
    assert_int_equal(words[port[1]] & FIFO_LINK_MASK, port[2]);
    assert_int_equal(words[port[2]] & FIFO_LINK_MASK, 0);
    /* The guest takes two, and the first comes again: behind the third. */
    assert_int_equal(take(port[0]), port[1]);
    take(port[1]);
    send(port[0]);
    assert_int_equal(words[port[2]] & FIFO_LINK_MASK, port[0]);
    assert_int_equal(block[0]->head[7], port[0]); /* as it was */
    /* It takes all: the next is the first again. */
    take(port[2]);
    take(port[0]);
    block[0]->ready = 0;
    send(port[1]);
    assert_int_equal(block[0]->head[7], port[1]);
    assert_int_equal(block[0]->ready, 1 << 7);
    assert_int_equal(words[port[0]], 0);
    send(port[2]);
    assert_int_equal(words[port[1]], FIFO_PENDING | FIFO_LINKED | port[2]);
    /* Of one that was taken out nothing is left. */
    take(port[1]);
    take(port[2]);
    send(port[0]);
    assert_int_equal(words[port[2]] & FIFO_LINK_MASK, 0);
}

void priorities_have_queues(void **state)
{
    (void)state;
    use_fifo();
    for (unsigned i = 0; i <= EVTCHN_FIFO_PRIORITY_MIN; i++) {
        uint32_t port = new_ipi(0);

        assert_int_equal(set_priority(port, i), 0);
        send(port);
        assert_int_equal(block[0]->ready, (2u << i) - 1);
        assert_int_equal(block[0]->head[i], port);
    }
    assert_int_equal(block[0]->_rsvd, 0);
    /* The next user of a port begins with the usual priority. */
    close_port(1);
    take(1);
    assert_int_equal(new_ipi(0), 1);
    send(1);
    assert_int_equal(words[8] & FIFO_LINK_MASK, 1);
}

void priority_changes_while_queued(void **state)
{
    uint32_t first, moved, next;

    (void)state;
    use_fifo();
    first = new_ipi(0);
    moved = new_ipi(0);
    next = new_ipi(0);
    send(first);
    send(moved);
    assert_int_equal(set_priority(moved, 2), 0);
    send(moved);
    assert_int_equal(block[0]->ready, 1 << 7);
    /* Taken out, and sent: queue 7 still ends with it, but must not go on behind it. */
    take(first);
    take(moved);
    send(moved);
    assert_int_equal(block[0]->head[2], moved);
    send(next);
    assert_int_equal(words[moved], FIFO_PENDING | FIFO_LINKED);
    assert_int_equal(block[0]->head[7], next);
}

void vcpu_changes_while_queued(void **state)
{
    uint32_t pa, pb;

    (void)state;
    use_fifo();
    connect_domains(&pa, &pb);
    take(pa);
    assert_int_equal(bind_vcpu(pa, 1), 0);
    fake_become(b->vcpu[0]);
    send(pb);
    assert_int_equal(block[1]->head[7], pa);
    assert_true(upcall(1));
    upcall(0);
    fake_become(a->vcpu[0]);
    assert_int_equal(bind_vcpu(pa, 0), 0);
    block[0]->head[7] = block[0]->ready = 0;
    fake_become(b->vcpu[0]);
    send(pb);
    assert_int_equal(block[0]->ready, 0);
    take(pa);
    send(pb);
    assert_int_equal(block[0]->head[7], pa);
    assert_true(upcall(0));
    assert_false(upcall(1));
}

void set_priority_errors(void **state)
{
    uint32_t port;

    (void)state;
    use_fifo();
    port = new_ipi(0);
    assert_int_equal(set_priority(port, 16), -XEN_EINVAL);
    assert_int_equal(set_priority(port, UINT32_MAX), -XEN_EINVAL);
    assert_int_equal(set_priority(0, 3), -XEN_EACCES);
    assert_int_equal(set_priority(port + 1, 3), -XEN_EACCES);
    assert_int_equal(set_priority(EVTCHN_FIFO_NR_CHANNELS, 3), -XEN_EINVAL);
}

void fifo_poll_and_status(void **state)
{
    struct evtchn_status s;
    uint32_t port;

    (void)state;
    use_fifo();
    port = new_ipi(1);
    assert_int_equal(evtchn_is_pending(a, port), 0);
    send(port);
    assert_int_equal(evtchn_is_pending(a, port), 1);
    assert_int_equal(evtchn_is_pending(a, 100), 0);
    assert_int_equal(evtchn_is_pending(a, EVTCHN_FIFO_NR_CHANNELS), -XEN_EINVAL);
    assert_int_equal(status(port, &s), EVTCHNSTAT_ipi);
    assert_int_equal(s.vcpu, 1);
}

void no_control_block(void **state)
{
    uint32_t port;

    (void)state;
    make_pages();
    init_control(block_frame, 0, 0);
    expand_array(words_frame);
    port = new_ipi(1);
    send(port);
    assert_int_equal(words[port], FIFO_PENDING);
    assert_false(upcall(1));
    init_control(block_frame, 128, 1);
    unmask(port);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_LINKED);
    assert_true(upcall(1));
}

/* --- ports --- */

void linked_ports_are_not_free(void **state)
{
    uint32_t port;

    (void)state;
    use_fifo();
    assert_int_equal(new_ipi(0), 1);
    send(1);
    assert_int_equal(close_port(1), 0);
    assert_int_equal(words[1], FIFO_LINKED);
    assert_int_equal(new_ipi(0), 2);
    take(1);
    assert_int_equal(new_ipi(0), 1);
    /* The guest says so of all that have words. */
    for (unsigned i = 0; i < EVTCHN_WORDS_PER_PAGE; i++)
        words[i] = FIFO_LINKED;
    assert_int_equal(bind_ipi(0, &port), 0);
    assert_int_equal(port, EVTCHN_WORDS_PER_PAGE);
    words[3] = 0;
    assert_int_equal(new_ipi(0), 3);
}

void all_fifo_ports(void **state)
{
    unsigned pages;
    uint32_t port;

    (void)state;
    use_fifo();
    pages = fake_pages;
    for (uint32_t i = 1; i < EVTCHN_FIFO_NR_CHANNELS; i++)
        assert_int_equal(new_ipi(0), i);
    assert_int_equal(fake_pages - pages, EVTCHN_PAGES - 1); /* 4 MiB in all */
    assert_int_equal(bind_ipi(0, &port), -XEN_ENOSPC);
    assert_int_equal(send(EVTCHN_FIFO_NR_CHANNELS - 1), 0);
    assert_int_equal(send(EVTCHN_FIFO_NR_CHANNELS), -XEN_EINVAL);
    assert_int_equal(close_port(70000), 0);
    assert_int_equal(close_port(300), 0);
    assert_int_equal(new_ipi(0), 300);
    assert_int_equal(new_ipi(0), 70000);
    assert_int_equal(bind_ipi(0, &port), -XEN_ENOSPC);
    assert_int_equal(reset(DOMID_SELF), 0);
    for (uint32_t i = 1; i < EVTCHN_2L_NR_CHANNELS; i++)
        assert_int_equal(new_ipi(0), i);
    assert_int_equal(bind_ipi(0, &port), -XEN_ENOSPC);
    assert_int_equal(send(EVTCHN_2L_NR_CHANNELS), -XEN_EINVAL);
    assert_int_equal(evtchn_is_pending(a, 100000), 0);
}

void fifo_reset(void **state)
{
    uint32_t port;

    (void)state;
    use_fifo();
    port = new_ipi(0);
    send(port);
    assert_int_equal(reset(DOMID_SELF), 0);
    assert_int_equal(words[port], FIFO_LINKED);
    assert_int_equal(fake_frame[block_frame].refs, 0);
    assert_int_equal(fake_frame[words_frame].refs, 0);
    assert_int_equal(expand_array(words_frame), -XEN_EOPNOTSUPP);
    assert_int_equal(new_ipi(0), port);
    send(port);
    assert_int_equal(words[port], FIFO_LINKED);
    assert_int_equal(a->shared->evtchn_pending[0], 1u << port);
    memset(words, 0, PAGE_SIZE);
    assert_int_equal(init_control(block_frame, 0, 1), EVTCHN_FIFO_LINK_BITS);
    assert_int_equal(init_control(block_frame, 128, 0), EVTCHN_FIFO_LINK_BITS);
    assert_int_equal(expand_array(words_frame), 0);
    assert_int_equal(words[port], FIFO_PENDING | FIFO_LINKED);
    assert_int_equal(block[1]->head[7], port);
}

void fifo_domain_ends(void **state)
{
    struct evtchn *theirs;
    uint32_t pa, pb;

    (void)state;
    use_fifo();
    connect_domains(&pa, &pb);
    theirs = evtchn_lookup(a, pa);
    fake_become(b->vcpu[0]);
    send(pb);
    a->dying = true;
    evtchn_destroy(a);
    assert_int_equal(fake_frame[block_frame].refs, 0);
    assert_int_equal(fake_frame[words_frame].refs, 0);
    memset(words, 0, PAGE_SIZE);
    memset(block[0], 0, PAGE_SIZE);
    assert_int_equal(send(pb), 0);
    /* One that looked before: into either ABI. */
    evtchn_mark_if(theirs, CHAN_FREE);
    evtchn_fifo_update(theirs, true, 0);
    for (unsigned i = 0; i < EVTCHN_WORDS_PER_PAGE; i++)
        assert_int_equal(words[i], 0);
    assert_int_equal(block[0]->ready, 0);
}

/* --- hostile guests --- */

/* Links in a circle, or to ports that are none: the queues go their own way. */
void links_are_not_followed(void **state)
{
    uint32_t port[3];

    (void)state;
    use_fifo();
    for (unsigned i = 0; i < 3; i++)
        port[i] = new_ipi(0);
    for (unsigned round = 0; round < 3; round++) {
        uint32_t link = round == 0 ? port[0] : round == 1 ? FIFO_LINK_MASK : 0;

        for (unsigned i = 0; i < EVTCHN_WORDS_PER_PAGE; i++)
            words[i] = (round ? FIFO_LINKED : 0) | 1u << EVTCHN_FIFO_BUSY | link;
        memset(block[0], 0xff, 256);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(send(port[i]), 0);
            assert_true(words[port[i]] & FIFO_PENDING);
        }
        assert_int_equal(a->vcpu[0]->evtchn.queue[7].tail, port[2]);
        for (unsigned i = 0; i < 3; i++)
            words[port[i]] = 0;
        words[0] = 0;
    }
    memset(block[0], 0, 256);
    send(port[1]);
    send(port[0]);
    assert_int_equal(block[0]->head[7], port[1]);
    assert_int_equal(words[port[1]], FIFO_PENDING | FIFO_LINKED | port[0]);
}

static volatile bool stop;

static void *scribble(void *arg)
{
    uint32_t *page = arg, n = 1;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        n = n * 1664525 + 1013904223;
        __atomic_fetch_xor(&page[n >> 8 & 15], n & 0xf0000000, __ATOMIC_RELAXED);
        __atomic_store_n(&page[n >> 20 & 15], n, __ATOMIC_RELAXED);
    }
    return NULL;
}

void hostile_writers(void **state)
{
    pthread_t thread[2];
    uint32_t port[8];

    (void)state;
    use_fifo();
    for (unsigned i = 0; i < 8; i++)
        port[i] = new_ipi(i % 2);
    stop = false;
    assert_int_equal(pthread_create(&thread[0], NULL, scribble, words), 0);
    assert_int_equal(pthread_create(&thread[1], NULL, scribble, block[0]), 0);
    for (unsigned i = 0; i < 50000; i++) {
        send(port[i % 8]);
        set_priority(port[i % 5], i / 3 % 16);
        unmask(port[i / 2 % 8]);
        for (unsigned q = 0; q < 32; q++)
            assert_true(a->vcpu[q / 16]->evtchn.queue[q % 16].tail <= port[7]);
    }
    stop = true;
    for (unsigned i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    /* It comes back to order. */
    assert_int_equal(reset(DOMID_SELF), 0);
    memset(words, 0, PAGE_SIZE);
    memset(block[0], 0, PAGE_SIZE);
    init_control(block_frame, 0, 0);
    expand_array(words_frame);
    assert_int_equal(new_ipi(0), 1);
    send(1);
    assert_int_equal(block[0]->head[7], 1);
    assert_int_equal(words[1], FIFO_PENDING | FIFO_LINKED);
}

/* Threads that raise a VIRQ of a's, as CPUs with a look at interrupts after each. */
#define SENDERS 2
static unsigned raised[SENDERS];
static bool senders_run;

static void *keep_sending(void *arg)
{
    unsigned *rounds = arg;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        evtchn_raise_virq(a->vcpu[0], VIRQ_DOM_EXC);
        __atomic_fetch_add(rounds, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

void arch_outlast_others(void)
{
    for (unsigned i = 0; senders_run && i < SENDERS; i++) {
        unsigned before = __atomic_load_n(&raised[i], __ATOMIC_SEQ_CST);

        while (__atomic_load_n(&raised[i], __ATOMIC_SEQ_CST) == before)
            sched_yield();
    }
}

/* Other CPUs mark an event while the domain changes everything about it. No page is written to
 * after it was given back. */
void late_senders(void **state)
{
    pthread_t thread[SENDERS];
    uint32_t port, again;

    (void)state;
    make_pages();
    assert_int_equal(bind_virq(VIRQ_DOM_EXC, 0, &port), 0);
    stop = false;
    for (unsigned i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, keep_sending, &raised[i]), 0);
    senders_run = true;
    for (unsigned round = 0; round < 50; round++) {
        init_control(block_frame, 0, 0);
        init_control(block_frame, 128, 1);
        assert_int_equal(expand_array(words_frame), 0);
        for (unsigned i = 0; i < 50; i++) {
            assert_int_equal(bind_vcpu(port, i % 2), 0);
            assert_int_equal(set_priority(port, i % 16), 0);
            __atomic_fetch_and(&words[port], ~(FIFO_LINKED | FIFO_LINK_MASK), __ATOMIC_SEQ_CST);
        }
        /* Whatever it was, the next one comes through. */
        for (unsigned tries = 0; !(READ_ONCE(words[port]) & FIFO_LINKED); tries++)
            assert_true(tries < 1000000000);
        assert_int_equal(reset(DOMID_SELF), 0);
        memset(words, 0, PAGE_SIZE);
        memset(block[0], 0, PAGE_SIZE);
        for (unsigned i = 0; i < 300; i++) {
            assert_int_equal(READ_ONCE(words[port]), 0);
            assert_int_equal(READ_ONCE(block[0]->ready), 0);
            assert_int_equal(READ_ONCE(block[1]->ready), 0);
        }
        assert_int_equal(bind_virq(VIRQ_DOM_EXC, 0, &again), 0);
        assert_int_equal(again, port);
    }
    senders_run = false;
    stop = true;
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(thread[i], NULL);
}

static void *send_on(void *port)
{
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
        send(*(uint32_t *)port);
    return NULL;
}

/* While one CPU sends on a port, the other end is closed and its port gets a new use. */
void new_use_gets_no_old_events(void **state)
{
    uint32_t from, to, port;
    pthread_t thread;

    (void)state;
    assert_int_equal(alloc_unbound(DOMID_SELF, DOMID_SELF, &from), 0);
    assert_int_equal(bind_interdomain(DOMID_SELF, from, &to), 0);
    stop = false;
    assert_int_equal(pthread_create(&thread, NULL, send_on, &from), 0);
    for (unsigned round = 0; round < 1000; round++) {
        while (!is_pending(a, to))
            sched_yield();
        assert_int_equal(close_port(to), 0);
        assert_int_equal(bind_ipi(1, &port), 0);
        assert_int_equal(port, to);
        for (unsigned i = 0; i < 20; i++)
            assert_false(is_pending(a, to));
        assert_int_equal(close_port(to), 0);
        assert_int_equal(bind_interdomain(DOMID_SELF, from, &port), 0);
        assert_int_equal(port, to);
    }
    stop = true;
    pthread_join(thread, NULL);
}

/* --- privilege --- */

void asking_about_others(void **state)
{
    struct evtchn_alloc_unbound alloc = {.dom = b->id, .remote_dom = DOMID_SELF};
    struct evtchn_status s = {.dom = b->id, .port = 1};

    (void)state;
    a->privileges = PRIV_CONTROL;
    assert_int_equal(do_event_channel_op(EVTCHNOP_alloc_unbound, fake_ptr(&alloc)), 0);
    assert_int_equal(alloc.port, 1);
    assert_int_equal(do_event_channel_op(EVTCHNOP_status, fake_ptr(&s)), 0);
    assert_int_equal(s.status, EVTCHNSTAT_unbound);
    assert_int_equal(s.u.unbound.dom, a->id);
    assert_int_equal(reset(b->id), -XEN_EINVAL);
    b->dying = true;
    assert_int_equal(do_event_channel_op(EVTCHNOP_alloc_unbound, fake_ptr(&alloc)), -XEN_EINVAL);
    b->dying = false;
    assert_int_equal(b->refs, 1);
}
