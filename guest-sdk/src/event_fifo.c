/* The guest's side of the FIFO ABI. A queue is a chain of event words: head[priority] of the
 * control block says where it begins, each word which port is next. The hypervisor adds at the end;
 * we take from the front, and remember how far we came. */
#include "event_fifo.h"

#define VCPUS          32
#define WORDS_PER_PAGE 1024
#define PAGES          (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED  (1u << EVTCHN_FIFO_MASKED)
#define LINKED  (1u << EVTCHN_FIFO_LINKED)
#define BUSY    (1u << EVTCHN_FIFO_BUSY)

static struct {
    struct evtchn_fifo_control_block *block;
    uint32_t head[EVTCHN_FIFO_MAX_QUEUES]; /* 0: look into the block */
} queues[VCPUS];

static bool in_use;
static uint32_t *words[PAGES];
static struct lm_event **handlers[PAGES];
static unsigned pages;

uint32_t *lm_fifo_word(uint32_t port)
{
    unsigned page = port / WORDS_PER_PAGE;

    return page < __atomic_load_n(&pages, __ATOMIC_ACQUIRE) ? &words[page][port % WORDS_PER_PAGE]
                                                            : NULL;
}

struct lm_event **lm_fifo_handler(uint32_t port)
{
    unsigned page = port / WORDS_PER_PAGE;

    return page < __atomic_load_n(&pages, __ATOMIC_ACQUIRE) ? &handlers[page][port % WORDS_PER_PAGE]
                                                            : NULL;
}

int lm_event_use_fifo(unsigned vcpu, struct evtchn_fifo_control_block *block)
{
    struct evtchn_init_control init = {
        .control_gfn = lm_virt_to_mfn(block),
        .offset = (uint64_t)block % LM_PAGE_SIZE,
        .vcpu = vcpu,
    };
    /* Between the change and our knowing of it an upcall would look in the wrong place. */
    bool was_masked = lm_upcalls_mask();
    long error;

    lm_assert(vcpu < VCPUS);
    error = hypercall_event_channel_op(EVTCHNOP_init_control, &init);
    if (!error) {
        queues[vcpu].block = block;
        in_use = true;
    }
    lm_upcalls_restore(was_masked);
    return (int)error;
}

static bool masked_2level(uint32_t port)
{
    return port >= EVTCHN_2L_NR_CHANNELS ||
           (lm_shared_info->evtchn_mask[port / 64] >> port % 64 & 1);
}

int lm_event_add_ports(uint32_t *page, struct lm_event **room)
{
    struct evtchn_expand_array expand = {.array_gfn = lm_virt_to_mfn(page)};
    bool was_masked = lm_upcalls_mask();
    long error;

    lm_assert(room || pages * WORDS_PER_PAGE < EVTCHN_2L_NR_CHANNELS);
    for (unsigned i = 0; i < WORDS_PER_PAGE; i++)
        page[i] = masked_2level(pages * WORDS_PER_PAGE + i) ? MASKED : 0;
    error = hypercall_event_channel_op(EVTCHNOP_expand_array, &expand);
    if (!error) {
        words[pages] = page;
        handlers[pages] = room;
        __atomic_store_n(&pages, pages + 1, __ATOMIC_RELEASE);
    }
    lm_upcalls_restore(was_masked);
    return (int)error;
}

int lm_event_set_priority(uint32_t port, unsigned priority)
{
    struct evtchn_set_priority set = {.port = port, .priority = priority};

    return (int)hypercall_event_channel_op(EVTCHNOP_set_priority, &set);
}

/* Xen marks a word that it is about to link BUSY, and our change has to wait. */
bool lm_fifo_unmask(uint32_t *word)
{
    uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    do
        old &= ~BUSY;
    while (!__atomic_compare_exchange_n(word, &old, old & ~MASKED, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED));
    return (__atomic_load_n(word, __ATOMIC_SEQ_CST) & PENDING) != 0;
}

/* Takes the event out of its queue; returns the next one's port, 0 for none. */
static uint32_t unlink(uint32_t *word)
{
    uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    while (!__atomic_compare_exchange_n(word, &old, old & ~(LINKED | EVTCHN_FIFO_LINK_MASK), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
    return old & EVTCHN_FIFO_LINK_MASK;
}

bool lm_fifo_deliver(unsigned vcpu)
{
    struct evtchn_fifo_control_block *block = queues[vcpu].block;
    uint32_t ready = 0;

    if (!in_use || !block)
        return in_use;
    while ((ready |= __atomic_exchange_n(&block->ready, 0, __ATOMIC_SEQ_CST))) {
        unsigned priority = __builtin_ctz(ready);
        uint32_t *head = &queues[vcpu].head[priority], port = *head, *word;

        if (!port)
            port = __atomic_load_n(&block->head[priority], __ATOMIC_RELAXED);
        word = lm_fifo_word(port);
        *head = unlink(word);
        if (!*head)
            ready &= ~(1u << priority);
        if ((__atomic_load_n(word, __ATOMIC_RELAXED) & (PENDING | MASKED)) == PENDING)
            lm_event_deliver(port);
    }
    return true;
}
