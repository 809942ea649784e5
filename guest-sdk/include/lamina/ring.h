/* A ring of requests and responses in a page that two domains share: the field's standard layout
 * (its 64-byte head, then a power of two of equal slots, each used by a request and then its
 * response).
 *
 * The front writes requests and reads responses; the back reads requests and writes responses, one
 * for each request. Neither trusts the other: private indices decide, a slot is copied out once,
 * and a peer whose indices make no sense is reported as broken. No hypercalls in here: the caller
 * rings the event channel when lm_ring_push says so. For one thread at each end. Callable in
 * upcalls. */
#ifndef LAMINA_RING_H
#define LAMINA_RING_H

#include <stdbool.h>
#include <stdint.h>

/* First bytes of the shared page. A consumer asks to be notified of entry n by setting *_event to
 * n+1: the producer notifies when it publishes that entry. */
struct lm_ring_head {
    uint32_t req_prod, req_event;
    uint32_t rsp_prod, rsp_event;
    uint8_t pad[48];
};

struct lm_ring {
    volatile struct lm_ring_head *head;
    uint8_t *slots;
    uint32_t slot_bytes;
    uint32_t count;    /* slots: a power of two */
    uint32_t produced; /* entries that we wrote, published or not */
    uint32_t consumed; /* entries of the other side's that we read */
    bool front;
};

enum lm_ring_result {
    LM_RING_OK = 0,
    LM_RING_EMPTY, /* get: nothing there. put: no room until something is consumed */
    LM_RING_BROKEN /* the peer's index is out of its range: do not go on with this peer */
};

/* `page` is 4096 bytes; slot_bytes is 1 to 4032, the larger of request and response, and the same
 * at both ends. The front prepares the page, before the back may look at it. */
void lm_ring_init_front(struct lm_ring *ring, void *page, uint32_t slot_bytes);
void lm_ring_init_back(struct lm_ring *ring, void *page, uint32_t slot_bytes);

/* Copies an entry into the next slot; the peer does not see it before lm_ring_push. */
enum lm_ring_result lm_ring_put(struct lm_ring *ring, const void *entry);
/* Publishes what was put. Returns whether the peer must be notified. */
bool lm_ring_push(struct lm_ring *ring);

/* Copies the peer's next entry out. */
enum lm_ring_result lm_ring_get(struct lm_ring *ring, void *entry);
/* Asks for a notification of the next entry. Returns whether one is there already: then the caller
 * must get it instead of waiting. To be called before every wait. */
bool lm_ring_arm(struct lm_ring *ring);

#endif
