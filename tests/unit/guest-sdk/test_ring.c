/* The shared ring: order and content with both ends at work at once, and peers that lie. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <lamina/ring.h>

#define MESSAGES 200000

struct entry {
    uint64_t number, inverse, pad[5];
};

static _Alignas(4096) uint8_t page[4096];

/* Takes one entry, and waits for it as a guest would: arm, look again, sleep. */
static struct entry take(struct lm_ring *ring)
{
    struct entry e;
    enum lm_ring_result result;

    while ((result = lm_ring_get(ring, &e)) == LM_RING_EMPTY)
        if (!lm_ring_arm(ring))
            sched_yield();
    assert_int_equal(result, LM_RING_OK);
    assert_int_equal(e.inverse, ~e.number);
    return e;
}

static void *answer_all(void *arg)
{
    struct lm_ring *ring = arg;

    for (uint64_t i = 0; i < MESSAGES; i++) {
        struct entry e = take(ring);

        assert_int_equal(e.number, i);
        e.number = i * 3;
        e.inverse = ~e.number;
        assert_int_equal(lm_ring_put(ring, &e), LM_RING_OK);
        lm_ring_push(ring);
    }
    return NULL;
}

static void both_ends_at_once(void **state)
{
    struct lm_ring front, back;
    uint64_t sent = 0, answered = 0;
    pthread_t thread;

    (void)state;
    lm_ring_init_front(&front, page, sizeof(struct entry));
    lm_ring_init_back(&back, page, sizeof(struct entry));
    assert_int_equal(front.count, 64);
    assert_int_equal(pthread_create(&thread, NULL, answer_all, &back), 0);
    while (answered < MESSAGES) {
        struct entry e = {.number = sent, .inverse = ~sent};

        if (sent < MESSAGES && lm_ring_put(&front, &e) == LM_RING_OK) {
            sent++;
            if (sent % 7 == 0 || sent == MESSAGES)
                lm_ring_push(&front);
            continue;
        }
        lm_ring_push(&front);
        assert_int_equal(take(&front).number, answered * 3);
        answered++;
    }
    pthread_join(thread, NULL);
}

static void full_and_empty(void **state)
{
    struct lm_ring front, back;
    struct entry e = {.number = 1, .inverse = ~1ul};

    (void)state;
    lm_ring_init_front(&front, page, sizeof(e));
    lm_ring_init_back(&back, page, sizeof(e));
    assert_int_equal(lm_ring_get(&back, &e), LM_RING_EMPTY);
    assert_int_equal(lm_ring_put(&back, &e), LM_RING_EMPTY); /* nothing asked, nothing to answer */
    for (uint32_t i = 0; i < front.count; i++)
        assert_int_equal(lm_ring_put(&front, &e), LM_RING_OK);
    assert_int_equal(lm_ring_put(&front, &e), LM_RING_EMPTY);
    assert_int_equal(lm_ring_get(&back, &e), LM_RING_EMPTY); /* not published yet */
    lm_ring_push(&front);
    assert_int_equal(lm_ring_get(&back, &e), LM_RING_OK);
    assert_int_equal(lm_ring_put(&front, &e), LM_RING_EMPTY); /* its answer is not here yet */
}

static void notifies_only_who_waits(void **state)
{
    struct lm_ring front, back;
    struct entry e = {0};

    (void)state;
    lm_ring_init_front(&front, page, sizeof(e));
    lm_ring_init_back(&back, page, sizeof(e));
    lm_ring_put(&front, &e);
    assert_true(lm_ring_push(&front)); /* a fresh ring waits for its first entry */
    assert_false(lm_ring_push(&front));
    lm_ring_put(&front, &e);
    assert_false(lm_ring_push(&front)); /* the back has not armed again */
    assert_true(lm_ring_arm(&back));    /* and need not sleep */
    lm_ring_get(&back, &e);
    lm_ring_get(&back, &e);
    assert_false(lm_ring_arm(&back));
    lm_ring_put(&front, &e);
    assert_true(lm_ring_push(&front));
}

static void a_lying_peer_is_noticed(void **state)
{
    struct lm_ring front, back;
    struct lm_ring_head *head = (void *)page;
    struct entry e = {0};

    (void)state;
    lm_ring_init_front(&front, page, sizeof(e));
    lm_ring_init_back(&back, page, sizeof(e));
    head->req_prod = back.count + 1; /* more than fit */
    assert_int_equal(lm_ring_get(&back, &e), LM_RING_BROKEN);
    head->req_prod = (uint32_t)-1; /* backwards */
    assert_int_equal(lm_ring_get(&back, &e), LM_RING_BROKEN);
    assert_true(lm_ring_arm(&back)); /* never sleeps on a broken ring */
    head->rsp_prod = 1;              /* an answer to nothing */
    assert_int_equal(lm_ring_get(&front, &e), LM_RING_BROKEN);
}

static void indices_wrap(void **state)
{
    struct lm_ring front, back;
    struct entry e = {0};

    (void)state;
    lm_ring_init_front(&front, page, sizeof(e));
    lm_ring_init_back(&back, page, sizeof(e));
    struct lm_ring_head *head = (void *)page;

    front.produced = front.consumed = back.produced = back.consumed = (uint32_t)-3;
    head->req_prod = head->rsp_prod = (uint32_t)-3;
    for (uint64_t i = 0; i < 10; i++) {
        e.number = i;
        assert_int_equal(lm_ring_put(&front, &e), LM_RING_OK);
        lm_ring_push(&front);
        assert_int_equal(lm_ring_get(&back, &e), LM_RING_OK);
        assert_int_equal(e.number, i);
        assert_int_equal(lm_ring_put(&back, &e), LM_RING_OK);
        lm_ring_push(&back);
        assert_int_equal(lm_ring_get(&front, &e), LM_RING_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_at_once),
        cmocka_unit_test(full_and_empty),
        cmocka_unit_test(notifies_only_who_waits),
        cmocka_unit_test(a_lying_peer_is_noticed),
        cmocka_unit_test(indices_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
