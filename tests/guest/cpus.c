/* What each of several guests has of host CPUs, by its runstate, while all of them are busy.
 * bootargs: how many they are, which one this is, and the permille of a CPU that it has to get. The
 * first shares a page with the others (wires "board1" ...), through which they begin and end
 * together. The clock is the host's, so that only so much is certain: within a fifth. */
#include "check.h"

#define GUESTS  4
#define SECONDS 3ul

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static struct {
    volatile uint32_t ready[GUESTS], measured[GUESTS];
} board __attribute__((aligned(LM_PAGE_SIZE)));

static void wire_name(char *name, unsigned long guest)
{
    snprintf(name, 8, "board%lu", guest);
}

static void connect(unsigned long nr, unsigned long me)
{
    static struct lm_grants grants;
    struct lm_grant_mapping mapping;
    struct lamina_wire wire;
    char name[8];

    if (me) {
        wire_name(name, me);
        wire = lm_wire_need(name, LAMINA_WIRE_shared_page);
        while (lm_grant_map(&mapping, wire.peer, wire.id, &board, false) != 0)
            lm_yield(); /* until the owner has granted it */
        return;
    }
    lm_assert(lm_grants_init(&grants, grant_area, 1) == 0);
    for (unsigned long i = 1; i < nr; i++) {
        wire_name(name, i);
        wire = lm_wire_need(name, LAMINA_WIRE_shared_page);
        lm_assert(lm_grant_access_at(&grants, wire.id, wire.peer, lm_virt_to_mfn(&board), false) ==
                  0);
    }
}

/* Never sleeps. */
static void meet(volatile uint32_t *flags, unsigned long nr, unsigned long me)
{
    flags[me] = 1;
    for (unsigned long i = 0; i < nr; i++)
        while (!flags[i])
            ;
}

static uint64_t running(void)
{
    struct vcpu_runstate_info info;

    lm_assert(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &info) == 0);
    return info.time[RUNSTATE_running];
}

int main(void)
{
    char *at = (char *)lm_start_info->cmd_line;
    uint64_t nr = strtoul(at, &at, 10), me = strtoul(at + 1, &at, 10);
    uint64_t permille = strtoul(at + 1, &at, 10);
    uint64_t begin, ran;

    lm_assert(nr <= GUESTS && me < nr);
    lm_timer_stop_periodic();
    connect(nr, me);
    meet(board.ready, nr, me);
    begin = lm_time_ns();
    ran = running();
    while (lm_time_ns() < begin + SECONDS * 1000000000)
        ;
    ran = (running() - ran) * 1000 / (lm_time_ns() - begin);
    meet(board.measured, nr, me);
    check(ran * 10 >= permille * 8 && ran * 10 <= permille * 12, true,
          "ran %lu of 1000, wanted %lu", ran, permille);
    return check_done();
}
