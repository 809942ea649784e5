#include <lamina/ring.h>
#include <lamina/string.h>

#define PAGE_BYTES 4096u

static void init(struct lm_ring *ring, void *page, uint32_t slot_bytes, bool front)
{
    uint32_t room = (PAGE_BYTES - sizeof(struct lm_ring_head)) / slot_bytes;

    ring->head = page;
    ring->slots = (uint8_t *)page + sizeof(struct lm_ring_head);
    ring->slot_bytes = slot_bytes;
    for (ring->count = 1; ring->count * 2 <= room;)
        ring->count *= 2;
    ring->produced = ring->consumed = 0;
    ring->front = front;
}

void lm_ring_init_front(struct lm_ring *ring, void *page, uint32_t slot_bytes)
{
    init(ring, page, slot_bytes, true);
    ring->head->req_prod = ring->head->rsp_prod = 0;
    ring->head->req_event = ring->head->rsp_event = 1;
}

void lm_ring_init_back(struct lm_ring *ring, void *page, uint32_t slot_bytes)
{
    init(ring, page, slot_bytes, false);
}

static uint8_t *slot(struct lm_ring *ring, uint32_t index)
{
    return ring->slots + (index & (ring->count - 1)) * ring->slot_bytes;
}

enum lm_ring_result lm_ring_put(struct lm_ring *ring, const void *entry)
{
    /* A slot is ours again once we consumed its response; theirs to answer once they consumed its
     * request. Both follow from our own indices. */
    uint32_t limit = ring->front ? ring->consumed + ring->count : ring->consumed;

    if (ring->produced == limit)
        return LM_RING_EMPTY;
    memcpy(slot(ring, ring->produced), entry, ring->slot_bytes);
    ring->produced++;
    return LM_RING_OK;
}

bool lm_ring_push(struct lm_ring *ring)
{
    volatile struct lm_ring_head *head = ring->head;
    volatile uint32_t *prod = ring->front ? &head->req_prod : &head->rsp_prod;
    uint32_t before = *prod, event;

    __atomic_store_n(prod, ring->produced, __ATOMIC_RELEASE); /* the slots' contents first */
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* pairs with lm_ring_arm's: one side sees the other */
    event = ring->front ? head->req_event : head->rsp_event;
    return ring->produced - event < ring->produced - before;
}

/* Number of entries that the peer published and we did not read, or -1. */
static int waiting(const struct lm_ring *ring)
{
    uint32_t prod = __atomic_load_n(ring->front ? &ring->head->rsp_prod : &ring->head->req_prod,
                                    __ATOMIC_ACQUIRE);
    uint32_t ready = prod - ring->consumed;
    /* Responses: no more than requests are open. Requests: no more than there are slots. */
    uint32_t most = ring->front ? ring->produced - ring->consumed
                                : ring->count - (ring->consumed - ring->produced);

    return ready <= most ? (int)ready : -1;
}

enum lm_ring_result lm_ring_get(struct lm_ring *ring, void *entry)
{
    int ready = waiting(ring);

    if (ready < 0)
        return LM_RING_BROKEN;
    if (ready == 0)
        return LM_RING_EMPTY;
    memcpy(entry, slot(ring, ring->consumed), ring->slot_bytes);
    ring->consumed++;
    return LM_RING_OK;
}

bool lm_ring_arm(struct lm_ring *ring)
{
    volatile uint32_t *event = ring->front ? &ring->head->rsp_event : &ring->head->req_event;

    *event = ring->consumed + 1;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return waiting(ring) != 0;
}
