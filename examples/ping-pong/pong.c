/* Maps the page that ping grants, checks the requests in it, and answers each. */
#include <lamina/guest.h>
#include "message.h"

static char window[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));

static void receive(struct lm_ring *ring, uint32_t bell, struct message *request)
{
    enum lm_ring_result result;

    while ((result = lm_ring_get(ring, request)) == LM_RING_EMPTY)
        if (!lm_ring_arm(ring))
            lm_event_wait(bell);
    lm_assert(result == LM_RING_OK);
}

int main(void)
{
    struct lamina_wire page = lm_wire_need("ring", LAMINA_WIRE_shared_page);
    uint32_t bell = lm_wire_need("bell", LAMINA_WIRE_event_channel).id;
    struct lm_grant_mapping mapping;
    struct lm_ring ring;
    uint64_t tsc;
    int error;

    lm_event_mask(bell); /* we wait for it instead of taking an upcall */
    lm_event_wait(bell); /* the page is there */
    error = lm_grant_map(&mapping, page.peer, page.id, window, false);
    if (error)
        lm_panic("cannot map grant %u of domain %u: error %d", page.id, page.peer, error);
    lm_ring_init_back(&ring, mapping.address, sizeof(struct message));

    tsc = lm_tsc();
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct message m;

        receive(&ring, bell, &m);
        if (!message_is(&m, i, REQUEST))
            lm_panic("request %lu is wrong: it says %lu", i, m.number);
        message_fill(&m, i, RESPONSE);
        lm_assert(lm_ring_put(&ring, &m) == LM_RING_OK);
        if (lm_ring_push(&ring))
            lm_event_send(bell);
    }
    tsc = lm_tsc() - tsc;
    printf("pong: %lu requests, every one checked and answered: %lu TSC ticks each\n", ROUNDS,
           tsc / ROUNDS);
    lm_assert(lm_grant_unmap(&mapping) == 0);
    return 0;
}
