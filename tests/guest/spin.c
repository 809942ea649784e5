/* Two of these share a page (wire "board"), never sleep and never yield, and end when each has seen
 * the other's counter move often enough: that takes a hypervisor that shares the CPU by force. */
#include "check.h"

#define TURNS 20

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static char board[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));

static void connect(const struct lamina_wire *wire)
{
    static struct lm_grants grants;
    struct lm_grant_mapping mapping;

    if (wire->role == LAMINA_WIRE_first) {
        lm_assert(lm_grants_init(&grants, grant_area, 1) == 0);
        lm_assert(lm_grant_access_at(&grants, wire->id, wire->peer, lm_virt_to_mfn(board), false) ==
                  0);
        return;
    }
    while (lm_grant_map(&mapping, wire->peer, wire->id, board, false) != 0)
        ; /* until the owner has granted it */
}

int main(void)
{
    struct lamina_wire wire = lm_wire_need("board", LAMINA_WIRE_shared_page);
    volatile uint64_t *counters = (volatile uint64_t *)board;
    volatile uint64_t *mine = &counters[wire.role], *other = &counters[!wire.role];
    uint64_t seen = 0;
    unsigned turns = 0;

    connect(&wire);
    while (turns < TURNS) {
        ++*mine;
        if (*other != seen) {
            /* One turn of the other's is many changes; a turn of ours follows when they stop. */
            turns++;
            do
                seen = *other;
            while (*other != seen);
        }
    }
    *mine = ~0ul; /* so that the other sees a last change, should it wait for one */
    check(turns, TURNS, "turns of the other guest seen");
    return check_done();
}
