/* What an event costs from one domain to another and back, in instructions; who waits is blocked.
 * "ping" rings the wire "bell" and counts, "pong" answers. Three figures of each: what passed for
 * ping in all, and by the runstates of both, what was executed on each side: while it was running,
 * which is all but the idling of a host CPU of its own. */
#include <lamina/guest.h>

#define WARM   10u
#define ROUNDS 2000u

static struct lm_event bell;
static volatile uint64_t heard;

static void hear(struct lm_event *event)
{
    (void)event;
    heard++;
}

static void wait_for(uint64_t count)
{
    lm_upcalls_mask();
    while (heard < count) {
        lm_block();
        lm_upcalls_mask();
    }
    lm_upcalls_unmask();
}

static uint64_t running(void)
{
    struct vcpu_runstate_info info;

    lm_assert(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &info) == 0);
    return info.time[RUNSTATE_running];
}

static void ping(uint64_t from, uint64_t rounds)
{
    for (uint64_t i = from; i < from + rounds; i++) {
        lm_assert(lm_event_send(bell.port) == 0);
        wait_for(i + 1);
    }
}

static void pong(uint64_t from, uint64_t rounds)
{
    for (uint64_t i = from; i < from + rounds; i++) {
        wait_for(i + 1);
        lm_assert(lm_event_send(bell.port) == 0);
    }
}

int main(void)
{
    bool first = strcmp((const char *)lm_start_info->cmd_line, "ping") == 0;
    uint64_t ticks, ran;

    lm_events_init();
    bell.port = lm_wire_need("bell", LAMINA_WIRE_event_channel).id;
    bell.handle = hear;
    lm_event_open(&bell);
    (first ? ping : pong)(0, WARM);
    ticks = lm_tsc();
    ran = running();
    (first ? ping : pong)(WARM, ROUNDS);
    ran = running() - ran;
    ticks = lm_tsc() - ticks;
    printf("%s: event to another domain and back: %lu in all, %lu while running\n",
           first ? "ping" : "pong", ticks / ROUNDS, ran / ROUNDS);
    return 0;
}
