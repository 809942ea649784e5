/* What must not happen, and how it is noticed, but for what depends on the ABI. Something that
 * should come is lost if it did not for options.patience, and a domain saw that at many moments of
 * that time: a machine that stands still for as long, as an emulated one may, is seen once. */
#include "stress.h"

#define VISITS     20u
#define SHOWN      4u /* of each kind of finding */
#define LINE_BYTES 512

uint64_t found[FINDINGS];

static uint64_t next_pass;

void find(enum finding what, const char *format, ...)
{
    static const char *const names[FINDINGS] = {
        [LOST] = "lost",
        [DUPLICATE] = "duplicate",
        [WRONG_VCPU] = "wrong vCPU",
        [WRONG_PRIORITY] = "wrong priority",
        [NOT_WOKEN] = "not woken",
        [REFUSED] = "refused",
    };
    char text[LINE_BYTES];
    va_list args;

    for (unsigned i = 0; i < DOMAINS - 1; i++)
        if (pairs[i].directory && (!options.fault || what == options.wanted))
            STORE(pairs[i].directory->hurry[pairs[i].side], 1);
    if (ADD(found[what], 1) > SHOWN)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printf("FAIL %s: %s\n", names[what], text); /* up to 256 characters come out as one piece */
}

static void name_end(const struct end *e, char *text, size_t size)
{
    if (!e->channel)
        snprintf(text, size, "IPI %u", e->number);
    else
        snprintf(text, size, "%s %u to %c", e->pair->name, e->number, 'a' + options.self);
}

static struct evtchn_status status_of(uint32_t port)
{
    struct evtchn_status status = {.dom = DOMID_SELF, .port = port};

    if (hypercall_event_channel_op(EVTCHNOP_status, &status) != 0)
        status.vcpu = ~0u;
    return status;
}

void find_end(enum finding what, const struct end *e, const char *why)
{
    static const char *const states[] = {"", ", blocked", ", polling"};
    char name[32], shown[160];
    uint32_t port = e->port;
    const struct worker *w = &workers[e->vcpu];
    struct evtchn_status status = status_of(port);
    uint64_t now = lm_time_ns();

    name_end(e, name, sizeof(name));
    receiver->show(port, e->vcpu, shown, sizeof(shown));
    find(what,
         "channel %s: %s\n"
         "    sends begun %lu, done %lu, seen %lu; binds begun %lu, done %lu, seen %lu; before the "
         "last event %lu were done; %lu events\n"
         "    port %u, vCPU %u%s, for the hypervisor vCPU %u (state %u), moved %ld ms ago; pending "
         "%u, masked %u; %s",
         name, why, e->in->begun, e->in->done, e->in->seen, e->marks_begun, e->marks_done,
         e->marks_seen, e->done_before, e->deliveries, port, e->vcpu, states[w->waiting],
         status.vcpu, status.status, (long)(now - e->moved_at) / (long)MS,
         receiver->is_pending(port), receiver->is_masked(port), shown);
}

/* --- that no event is lost, and who waits is woken --- */

/* Whether that was so at each of many visits, each some time after the one before. */
static bool for_too_long(unsigned *visits, uint64_t *at)
{
    uint64_t now = lm_time_ns();

    if (*visits && now < *at + options.patience * MS / VISITS)
        return false;
    *at = now;
    return ++*visits == VISITS;
}

uint64_t all_done(const struct end *e)
{
    return LOAD(e->in->done) + LOAD(e->marks_done) + LOAD(e->unmasks_done);
}

uint64_t all_begun(const struct end *e)
{
    return LOAD(e->in->begun) + LOAD(e->marks_begun) + LOAD(e->unmasks_begun);
}

bool is_unseen(const struct end *e)
{
    return LOAD(e->in->seen) != LOAD(e->in->begun) || LOAD(e->marks_seen) != LOAD(e->marks_begun);
}

static void watch_end(struct end *e)
{
    uint64_t seen = LOAD(e->in->seen) + LOAD(e->marks_seen);

    if (!is_unseen(e) || seen != e->watched_seen)
        e->visits = 0;
    e->watched_seen = seen;
    if (is_unseen(e) && for_too_long(&e->visits, &e->watched_at))
        find_end(LOST, e, "the last event was not seen");
}

static const char *should_be_awake(const struct worker *w)
{
    const struct vcpu_info *info = &lm_shared_info->vcpu_info[w->id];

    if (LOAD(w->waiting) == BLOCKED)
        return LOAD(info->evtchn_upcall_pending) ? "blocked, with an upcall to make" : NULL;
    if (LOAD(w->deadline) && LOAD(w->deadline) < lm_time_ns())
        return "polling, and its time is over";
    for (unsigned i = 0; i < LOAD(w->nr_polled); i++)
        if (receiver->is_pending(LOAD(w->polled[i]->port)))
            return "polling, and a port is pending";
    return NULL;
}

static void watch_worker(struct worker *w)
{
    uint64_t since = LOAD(w->waiting_since);
    const char *why = LOAD(w->waiting) ? should_be_awake(w) : NULL;

    if (!why || w->visited_since != since)
        w->visits = 0;
    w->visited_since = since;
    if (why && for_too_long(&w->visits, &w->visited_at))
        find(NOT_WOKEN, "vCPU %u is %s, for %lu ms", w->id, why, (lm_time_ns() - since) / MS);
}

/* Any vCPU, but one at a time: a pass is not over before the next is due, or that one waits. */
void watch(void)
{
    static uint32_t watching;
    uint64_t now = lm_time_ns();

    if (now < LOAD(next_pass) || __atomic_exchange_n(&watching, 1, __ATOMIC_SEQ_CST))
        return;
    if (now >= LOAD(next_pass)) {
        for (unsigned i = 0; i < nr_ends; i++)
            watch_end(&ends[i]);
        for (unsigned i = 0; i < VCPUS; i++)
            watch_worker(&workers[i]);
        STORE(next_pass, now + options.patience * MS / VISITS);
    }
    STORE(watching, 0);
}

/* --- that both sides agree about a port --- */

void check_status(const struct end *e)
{
    struct evtchn_status status = status_of(e->port);

    if (e->channel && status.status != EVTCHNSTAT_interdomain &&
        status.status != EVTCHNSTAT_unbound)
        find_end(REFUSED, e, "the port should be bound, or left by its peer");
    if (status.vcpu != e->vcpu)
        find_end(WRONG_VCPU, e, "bind_vcpu was without effect");
}
