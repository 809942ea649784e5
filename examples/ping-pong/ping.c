/* Owns the shared page: grants it to pong, sends requests through the ring in it, and checks the
 * responses. Wires "bell" and "ring" of the system tree connect the two (ping-pong.dts). */
#include <lamina/guest.h>
#include "message.h"

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static char shared_page[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));

static void receive(struct lm_ring *ring, uint32_t bell, struct message *response)
{
    enum lm_ring_result result;

    while ((result = lm_ring_get(ring, response)) == LM_RING_EMPTY)
        if (!lm_ring_arm(ring))
            lm_event_wait(bell);
    lm_assert(result == LM_RING_OK);
}

int main(void)
{
    struct lamina_wire page = lm_wire_need("ring", LAMINA_WIRE_shared_page);
    uint32_t bell = lm_wire_need("bell", LAMINA_WIRE_event_channel).id;
    struct lm_grants grants;
    struct lm_ring ring;
    uint64_t tsc, ns;

    lm_event_mask(bell); /* we wait for it instead of taking an upcall */
    lm_ring_init_front(&ring, shared_page, sizeof(struct message));
    lm_assert(lm_grants_init(&grants, grant_area, 1) == 0);
    lm_assert(lm_grant_access_at(&grants, page.id, page.peer, lm_virt_to_mfn(shared_page), false) ==
              0);
    lm_event_send(bell); /* the page is there */

    tsc = lm_tsc();
    ns = lm_time_ns();
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct message m;

        message_fill(&m, i, REQUEST);
        lm_assert(lm_ring_put(&ring, &m) == LM_RING_OK);
        if (lm_ring_push(&ring))
            lm_event_send(bell);
        receive(&ring, bell, &m);
        if (!message_is(&m, i, RESPONSE))
            lm_panic("response %lu is wrong: it says %lu", i, m.number);
    }
    tsc = lm_tsc() - tsc;
    ns = lm_time_ns() - ns;
    printf("ping: %lu round trips, every response checked: %lu ns, %lu TSC ticks each\n", ROUNDS,
           ns / ROUNDS, tsc / ROUNDS);
    return 0;
}
