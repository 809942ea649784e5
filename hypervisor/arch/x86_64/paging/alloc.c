/* The allocator of machine memory: free blocks of 2^order frames, merged with their buddies. */
#include "core/arch.h"
#include "core/log.h"
#include "cpu/cpu.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "paging/paging.h"

uint64_t frames_max;

static struct {
    struct spinlock lock;
    uint64_t free;
    uint32_t first[ALLOC_ORDER_MAX + 1]; /* list of free blocks of each order; 0: none */
} pool = {.lock.rank = RANK_ALLOC};

static void push_free(struct frame *f, unsigned order, uint32_t stamp)
{
    f->state = FRAME_FREE | order;
    f->stamp = stamp;
    frame_list_push(&pool.first[order], f);
}

static void take_free(struct frame *f, unsigned order)
{
    f->state = 0;
    frame_list_remove(&pool.first[order], f);
}

/* The later one of two flush times. */
static uint32_t later(uint32_t a, uint32_t b)
{
    uint32_t now = tlb_stamp();

    return now - a < now - b ? a : b;
}

static void insert_block(uint64_t n, unsigned order, uint32_t stamp)
{
    for (; order < ALLOC_ORDER_MAX; order++) {
        uint64_t other = n ^ 1ul << order;
        struct frame *buddy = frame_at(mfn(other));

        if (other >= frames_max || buddy->state != (FRAME_FREE | order))
            break;
        take_free(buddy, order);
        stamp = later(stamp, buddy->stamp);
        n = MIN(n, other);
    }
    push_free(frame_at(mfn(n)), order, stamp);
}

void frames_add_free(mfn_t start, uint64_t count)
{
    uint64_t n = MAX(start.n, 1), end = start.n + count;

    ASSERT(end <= frames_max);
    while (n < end) {
        unsigned order = MIN((unsigned)__builtin_ctzl(n), ALLOC_ORDER_MAX);

        while (n + (1ul << order) > end)
            order--;
        frames_free(mfn(n), order);
        n += 1ul << order;
    }
}

mfn_t frames_alloc(unsigned order)
{
    unsigned have = order;
    struct frame *f;
    uint32_t stamp;

    if (order > ALLOC_ORDER_MAX)
        return INVALID_MFN;
    spin_lock(&pool.lock);
    while (have <= ALLOC_ORDER_MAX && !pool.first[have])
        have++;
    if (have > ALLOC_ORDER_MAX) {
        spin_unlock(&pool.lock);
        return INVALID_MFN;
    }
    f = frame_at(mfn(pool.first[have]));
    stamp = f->stamp;
    take_free(f, have);
    while (have-- > order)
        push_free(f + (1ul << have), have, stamp);
    pool.free -= 1ul << order;
    f->stamp = 0;
    spin_unlock(&pool.lock);

    /* Whoever had them may have run anywhere. */
    tlb_flush(tlb_stale(all_cpus(), stamp));
    return frame_mfn(f);
}

void frames_free(mfn_t start, unsigned order)
{
    uint32_t stamp = tlb_stamp();

    for (uint64_t i = 0; i < 1ul << order; i++) {
        memset(frame_at(mfn(start.n + i)), 0, sizeof(struct frame));
        m2p_set(mfn(start.n + i), M2P_INVALID);
    }
    spin_lock(&pool.lock);
    pool.free += 1ul << order;
    insert_block(start.n, order, stamp);
    spin_unlock(&pool.lock);
}

uint64_t frames_free_count(void)
{
    return READ_ONCE(pool.free);
}

void *arch_alloc_pages(unsigned order)
{
    mfn_t m = frames_alloc(order);

    return mfn_equal(m, INVALID_MFN) ? NULL : memset(frame_bytes(m), 0, PAGE_SIZE << order);
}

void arch_free_pages(void *pages, unsigned order)
{
    if (pages)
        frames_free(bytes_frame(pages), order);
}
