/* An interrupt, in the order that works: events on, a port bound, its handler opened, the source
 * started; then sleep until the handler has run. */
#include <lamina/guest.h>

#define TICKS  5
#define PERIOD 10000000ul /* ns */

static uint64_t deadline = ~0ul;
static volatile unsigned ticks;

/* In the upcall: other upcalls are held back until it returns. */
static void tick(struct lm_event *event)
{
    (void)event;
    if (lm_time_ns() < deadline)
        return; /* Xen's own periodic timer, before it was stopped */
    ticks++;
}

/* A tick between the look at `ticks` and the sleep is not lost: lm_block lets upcalls in, and does
 * not sleep if one waits. */
static void wait_for_tick(unsigned number)
{
    bool were_masked = lm_upcalls_mask();

    while (ticks < number) {
        lm_block();
        lm_upcalls_mask();
    }
    lm_upcalls_restore(were_masked);
}

int main(void)
{
    static struct lm_event timer = {.handle = tick}; /* stays where it is while it is open */
    int port;

    lm_events_init();
    port = lm_event_bind_virq(VIRQ_TIMER, 0);
    if (port < 0)
        lm_panic("cannot bind the timer: error %d", port);
    timer.port = (uint32_t)port;
    lm_event_open(&timer);
    lm_timer_stop_periodic();

    for (unsigned i = 1; i <= TICKS; i++) {
        deadline = lm_time_ns() + PERIOD;
        lm_timer_set(deadline);
        wait_for_tick(i);
        printf("tick %u, %lu us after its time\n", i, (lm_time_ns() - deadline) / 1000);
    }
    lm_event_close(&timer);
    return 0;
}
