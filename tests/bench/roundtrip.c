/* What an event costs from one vCPU to another and back, in instructions: vCPU 0 rings vCPU 1
 * through a channel of this domain to itself, is answered, and so on; who waits is blocked. So a
 * round trip is two sends, two switches of vCPUs, two upcalls and two calls to block. Three
 * figures: what passed in all, and by their runstates, while each of them was running. On Lamina
 * and on Xen.
 */
#include <lamina/guest.h>

#define ROUNDS      2000u
#define STACK_BYTES 16384

static struct lm_event end[2]; /* vCPU i has end i, and sends on it to the other */
static volatile uint64_t heard[2];

static void hear(struct lm_event *event)
{
    heard[event->vcpu]++;
}

static void wait_for(unsigned vcpu, uint64_t count)
{
    lm_upcalls_mask();
    while (heard[vcpu] < count) {
        lm_block();
        lm_upcalls_mask();
    }
    lm_upcalls_unmask();
}

static void answer(void *arg)
{
    (void)arg;
    lm_timer_stop_periodic();
    lm_upcalls_unmask();
    for (uint64_t next = 1;; next++) {
        wait_for(1, next);
        lm_assert(lm_event_send(end[1].port) == 0);
    }
}

static void connect(void)
{
    struct evtchn_bind_vcpu to = {.vcpu = 1};
    int first = lm_event_alloc(DOMID_SELF), second = lm_event_bind(DOMID_SELF, (uint32_t)first);

    lm_assert(first > 0 && second > 0);
    to.port = (uint32_t)second;
    lm_assert(hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &to) == 0);
    lm_event_take(to.port); /* it is pending since it was bound */
    end[0] = (struct lm_event){.handle = hear, .port = (uint32_t)first, .vcpu = 0};
    end[1] = (struct lm_event){.handle = hear, .port = to.port, .vcpu = 1};
    lm_event_open(&end[0]);
    lm_event_open(&end[1]);
}

static void round_trips(uint64_t count)
{
    for (uint64_t next = heard[0] + 1; count; count--, next++) {
        lm_assert(lm_event_send(end[0].port) == 0);
        wait_for(0, next);
    }
}

static uint64_t running(unsigned vcpu)
{
    struct vcpu_runstate_info info;

    lm_assert(hypercall_vcpu_op(VCPUOP_get_runstate_info, vcpu, &info) == 0);
    return info.time[RUNSTATE_running];
}

int main(void)
{
    static char stack[STACK_BYTES] __attribute__((aligned(16)));
    static struct lm_vcpu second;
    uint64_t ticks, ran[2];

    lm_events_init();
    lm_timer_stop_periodic();
    connect();
    lm_assert(lm_vcpu_start(&second, 1, answer, NULL, stack, STACK_BYTES) == 0);
    round_trips(10);
    ticks = lm_tsc();
    for (unsigned i = 0; i < 2; i++)
        ran[i] = running(i);
    round_trips(ROUNDS);
    for (unsigned i = 0; i < 2; i++)
        ran[i] = running(i) - ran[i];
    ticks = lm_tsc() - ticks;
    printf("event to another vCPU and back: %lu in all, %lu + %lu while running\n", ticks / ROUNDS,
           ran[0] / ROUNDS, ran[1] / ROUNDS);
    return 0;
}
