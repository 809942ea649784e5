/* The 2-level ABI. A vCPU's selector has a bit for each word of ports, so a vCPU also sees events
 * of others in the words that it is told of: only who was told of a word none of whose ports is its
 * own was told wrongly. Therefore every second word has ports of one vCPU only, and moves as a
 * whole; in the others each port is by itself. */
#include "stress.h"

#define WORDS      64u
#define FIRST_WORD (1 + VCPUS) /* 0: the console's; then the IPIs of each vCPU */
#define BIT(port)  (1ul << (port) % 64)
#define GRACE      (500 * MS) /* for a sender that looked before a word moved and told after it */

static struct word {
    uint32_t vcpu;
    struct {
        uint64_t at, scans; /* when, and how often the vCPU had looked by then */
    } left[VCPUS];
} words[WORDS];

static bool together(unsigned word)
{
    return word >= FIRST_WORD && word % 2 == 0;
}

static void leave(struct word *word, unsigned vcpu)
{
    STORE(word->left[vcpu].scans, LOAD(workers[vcpu].scans));
    STORE(word->left[vcpu].at, lm_time_ns());
}

static void init(void)
{
    for (unsigned i = 0; i < WORDS; i++)
        words[i].vcpu = i % VCPUS;
}

static unsigned vcpu_for(struct worker *w, uint32_t port)
{
    unsigned word = port / 64;

    if (word >= 1 && word < FIRST_WORD)
        return word - 1;
    return together(word) ? LOAD(words[word].vcpu) : (unsigned)choose(w, VCPUS);
}

static void opened(struct worker *, uint32_t)
{
}

/* Everything in a selector was put there after the vCPU looked the last time. */
static void check_word(const struct worker *w, unsigned number)
{
    const struct word *word = &words[number];
    unsigned owner = number < FIRST_WORD ? number - 1 : LOAD(word->vcpu);

    if (number == 0 || (number >= FIRST_WORD && !together(number)) || owner == w->id)
        return;
    if (w->scans <= LOAD(word->left[w->id].scans) + 1 ||
        lm_time_ns() < LOAD(word->left[w->id].at) + GRACE)
        return;
    find(WRONG_VCPU,
         "vCPU %u is told of word %u, all of whose ports have been vCPU %u's for %lu ms; "
         "pending %#lx, masked %#lx",
         w->id, number, owner, (lm_time_ns() - word->left[w->id].at) / MS,
         LOAD(lm_shared_info->evtchn_pending[number]), LOAD(lm_shared_info->evtchn_mask[number]));
}

static void scan(struct worker *w)
{
    struct shared_info *s = lm_shared_info;
    uint64_t told =
        __atomic_exchange_n(&lm_this_vcpu()->info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

    ADD(w->scans, 1);
    if (faulty(w, FOREIGN))
        told |= 1ul << choose(w, WORDS);
    for (; told; told &= told - 1) {
        unsigned word = (unsigned)__builtin_ctzl(told);
        uint64_t ready = LOAD(s->evtchn_pending[word]) & ~LOAD(s->evtchn_mask[word]);

        check_word(w, word);
        for (; ready; ready &= ready - 1) {
            uint32_t port = word * 64 + (unsigned)__builtin_ctzl(ready);
            struct end *e = LOAD(by_port[port]);

            if (e && LOAD(e->vcpu) == w->id)
                receive_port(w, e, port);
        }
    }
}

static void set_pending(uint32_t port)
{
    __atomic_fetch_or(&lm_shared_info->evtchn_pending[port / 64], BIT(port), __ATOMIC_SEQ_CST);
}

static void clear_masked(uint32_t port)
{
    __atomic_fetch_and(&lm_shared_info->evtchn_mask[port / 64], ~BIT(port), __ATOMIC_SEQ_CST);
}

static bool is_pending(uint32_t port)
{
    return LOAD(lm_shared_info->evtchn_pending[port / 64]) & BIT(port);
}

static bool is_masked(uint32_t port)
{
    return LOAD(lm_shared_info->evtchn_mask[port / 64]) & BIT(port);
}

/* That nobody is busy with any port of the word. */
static uint64_t sum_of(unsigned word, uint64_t (*count)(const struct end *e))
{
    uint64_t sum = 0;

    for (uint32_t port = word * 64; port < word * 64 + 64; port++) {
        const struct end *e = LOAD(by_port[port]);

        if (e)
            sum += count(e);
    }
    return sum;
}

static bool is_told(const struct vcpu_info *info, unsigned word)
{
    return LOAD(info->evtchn_pending_sel) >> word & 1;
}

/* One event would wait for the next of its word. */
static void check_selector(const struct worker *w, const struct vcpu_info *info, unsigned word)
{
    uint64_t ready =
        LOAD(lm_shared_info->evtchn_pending[word]) & ~LOAD(lm_shared_info->evtchn_mask[word]);

    for (; ready; ready &= ready - 1) {
        uint32_t port = word * 64 + (unsigned)__builtin_ctzl(ready);
        const struct end *e = LOAD(by_port[port]);
        uint64_t done;

        if (!e || LOAD(e->vcpu) != w->id || LOAD(e->port) != port)
            continue;
        done = all_done(e);
        if (is_pending(port) && !is_masked(port) && !is_told(info, word) && all_begun(e) == done)
            find_end(LOST, e, "pending, not masked, and its vCPU was not told");
    }
}

/* All events would wait for the next one in another word. */
static void check_flag(const struct worker *w, const struct vcpu_info *info, unsigned word)
{
    uint64_t done = sum_of(word, all_done);

    if (is_told(info, word) && !LOAD(info->evtchn_upcall_pending) &&
        sum_of(word, all_begun) == done)
        find(LOST, "vCPU %u: selector %#lx, but no upcall is pending", w->id,
             LOAD(info->evtchn_pending_sel));
}

static void check_told(const struct worker *w)
{
    const struct vcpu_info *info = lm_this_vcpu()->info;

    for (unsigned word = 0; word < WORDS; word++) {
        if (!is_told(info, word))
            check_selector(w, info, word);
        else if (!LOAD(info->evtchn_upcall_pending))
            check_flag(w, info, word);
    }
}

static void move_word(struct worker *w, unsigned number)
{
    struct word *word = &words[number];
    unsigned to = (unsigned)choose(w, VCPUS);

    if (to == w->id)
        return;
    STORE(word->vcpu, to);
    leave(word, w->id);
    for (uint32_t port = number * 64; port < number * 64 + 64; port++) {
        struct end *e = LOAD(by_port[port]);

        if (e)
            move_end(w, e, to);
    }
    leave(word, w->id);
}

static void move(struct worker *w)
{
    struct end *e = own_end(w);
    unsigned word;

    if (!e)
        return;
    word = e->port / 64;
    if (!together(word))
        move_end(w, e, (unsigned)choose(w, VCPUS));
    else if (choose(w, 16) == 0)
        move_word(w, word);
}

static void show(uint32_t port, unsigned vcpu, char *text, size_t size)
{
    const struct vcpu_info *info = &lm_shared_info->vcpu_info[vcpu];

    snprintf(text, size, "selector %#lx (its word: %lu), upcall pending %u, upcalls masked %u",
             LOAD(info->evtchn_pending_sel), LOAD(info->evtchn_pending_sel) >> port / 64 & 1,
             LOAD(info->evtchn_upcall_pending), LOAD(info->evtchn_upcall_mask));
}

const struct receiver receiver_2level = {
    .name = "2-level",
    .ports = WORDS * 64,
    .init = init,
    .vcpu_for = vcpu_for,
    .opened = opened,
    .scan = scan,
    .is_pending = is_pending,
    .is_masked = is_masked,
    .set_pending = set_pending,
    .clear_masked = clear_masked,
    .check_told = check_told,
    .move = move,
    .show = show,
};
