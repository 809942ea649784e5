/* One struct frame for each page of machine memory: who owns it, how often it is referred to, and
 * what it may be used as. Frame table and M2P together take less than 1 % of memory.
 *
 * A reference keeps the frame with its owner. A type use (always together with a reference) keeps
 * the type: a frame of a page-table or descriptor type has no writable mapping. Types change only
 * while there is no use. Uses of page-table and descriptor types come and go under the owner's
 * page_lock; references and uses as writable page are lock-free. */
#pragma once

#include "cpu/layout.h"
#include "cpu/tlb.h"
#include "abi/errno.h"

struct domain;

enum frame_type {
    TYPE_NONE, /* with uses: it must not be anything else (a read-only shared page) */
    TYPE_L1,
    TYPE_L2,
    TYPE_L3,
    TYPE_L4,
    TYPE_DESCRIPTOR, /* page of a GDT or LDT */
    TYPE_WRITABLE,
};

/* The type word. The stamp is the flush clock (cpu/tlb.h) at the time the uses went to 0. */
#define TYPE_SHIFT      60
#define TYPE_PINNED_BIT 58
#define TYPE_PINNED     (1ul << TYPE_PINNED_BIT) /* one of the uses is the guest's pin */
#define TYPE_USE        (1ul << 32)
#define TYPE_USES       (0x3fffffful << 32)
#define TYPE_STAMP      0xfffffffful
#define TYPE_OF(word)   ((enum frame_type)((word) >> TYPE_SHIFT))
#define USES_OF(word)   (((word)&TYPE_USES) >> 32)
#define TYPE_MAKE(t)    ((uint64_t)(t) << TYPE_SHIFT)

/* Bits of frame.state. */
#define FRAME_ORDER     0x1fu /* of a free block */
#define FRAME_FREE      0x20u /* head of a free block */
#define FRAME_ALLOCATED 0x40u /* the domain holds it as its memory: one of the references */
#define FRAME_SHARED    0x80u /* the hypervisor's, lent to its owner (arch_share_page) */

struct frame {
    uint32_t refs;
    uint32_t state;
    uint64_t type;
    uint32_t owner; /* number of the page where its struct domain begins; 0: free or hypervisor's */
    uint32_t stamp; /* free: flush clock when it was freed */
    uint32_t next, prev; /* in the owner's list or a free list, by number; 0: none */
};
_Static_assert(sizeof(struct frame) == 32, "the frame table must stay under 1 % of memory");

/* Frames have numbers below this; entry 0 is never used. */
extern uint64_t frames_max;

static inline bool frame_exists(mfn_t m)
{
    return m.n < frames_max;
}

static inline struct frame *frame_at(mfn_t m)
{
    return (struct frame *)FRAME_TABLE_START + m.n;
}

static inline mfn_t frame_mfn(const struct frame *f)
{
    return mfn(f - (struct frame *)FRAME_TABLE_START);
}

/* The page through the hypervisor's mapping of all memory. */
static inline void *frame_bytes(mfn_t m)
{
    return (void *)(DIRECT_START + (m.n << PAGE_SHIFT));
}

static inline mfn_t bytes_frame(const void *bytes)
{
    return mfn(((uint64_t)bytes - DIRECT_START) >> PAGE_SHIFT);
}

static inline struct domain *frame_owner(const struct frame *f)
{
    uint32_t page = READ_ONCE(f->owner);

    return page ? (struct domain *)frame_bytes(mfn(page)) : NULL;
}

/* How struct frame names a domain: its struct begins on a page boundary. */
static inline uint32_t owner_number(const struct domain *d)
{
    return (uint32_t)bytes_frame(d).n;
}

/* For numbers that a guest chose: false if there is no such frame; made safe to use, also where the
 * processor guesses the answer. */
static inline bool frame_clamp(mfn_t *m)
{
    if (unlikely(!frame_exists(*m)))
        return false;
    m->n = clamp_index(m->n, frames_max);
    return true;
}

/* NULL if there is no such frame. */
static inline struct frame *frame_lookup(mfn_t m)
{
    return likely(frame_clamp(&m)) ? frame_at(m) : NULL;
}

/* --- lists of frames, by number; the caller holds their lock --- */

static inline void frame_list_push(uint32_t *first, struct frame *f)
{
    uint32_t self = (uint32_t)frame_mfn(f).n;

    f->prev = 0;
    f->next = *first;
    if (f->next)
        frame_at(mfn(f->next))->prev = self;
    *first = self;
}

/* No effect on one that is in no list. */
static inline void frame_list_remove(uint32_t *first, struct frame *f)
{
    if (f->prev)
        frame_at(mfn(f->prev))->next = f->next;
    else if (*first == frame_mfn(f).n)
        *first = f->next;
    if (f->next)
        frame_at(mfn(f->next))->prev = f->prev;
    f->next = f->prev = 0;
}

/* --- references --- */

/* Nobody refers to it any more: gives it back (owned.c). */
void frame_release(struct frame *f);

static inline void frame_put(struct frame *f)
{
    if (unlikely(__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) == 0))
        frame_release(f);
}

/* Takes one more reference. False: it has none, or the count is full. */
static inline bool frame_ref_again(struct frame *f)
{
    uint32_t refs = READ_ONCE(f->refs);

    do {
        if (unlikely(refs + 1 <= 1))
            return false;
    } while (!__atomic_compare_exchange_n(&f->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    return true;
}

/* Takes a reference if that owner has it. False: it has not, or the count is full. */
static inline bool frame_ref(struct frame *f, uint32_t owner)
{
    if (unlikely(!frame_ref_again(f)))
        return false;
    if (unlikely(READ_ONCE(f->owner) != owner)) {
        frame_put(f);
        return false;
    }
    return true;
}

static inline struct frame *frame_get(mfn_t m, const struct domain *d)
{
    struct frame *f = frame_lookup(m);

    return f && frame_ref(f, owner_number(d)) ? f : NULL;
}

bool frame_get_writable_slow(struct frame *f, bool flush);

/* One more use as writable page of a frame that has that type, and room in the count. */
static inline bool frame_get_writable_again(struct frame *f)
{
    uint64_t word = READ_ONCE(f->type), next;

    do {
        next = word + TYPE_USE;
        /* The type, not pinned, and no carry out of the count. */
        if (unlikely(next >> TYPE_PINNED_BIT != (uint64_t)TYPE_WRITABLE
                                                    << (TYPE_SHIFT - TYPE_PINNED_BIT)))
            return false;
    } while (!__atomic_compare_exchange_n(&f->type, &word, next, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    return true;
}

/* A use as writable page, for a caller that has a reference. False: another type is in use, the
 * count is full, or it was a page table or descriptor page so shortly ago that a CPU may still use
 * it as such. Lock-free, never waits; but with `flush`, for a caller that holds no spin lock, TLBs
 * are flushed where that is what it takes. */
static inline bool frame_get_writable(struct frame *f, bool flush)
{
    return likely(frame_get_writable_again(f)) || frame_get_writable_slow(f, flush);
}

/* Drops a use of any type that needs no demotion. The mapping is gone from memory already. */
static inline void frame_put_use(struct frame *f)
{
    uint64_t word = READ_ONCE(f->type), next;

    do {
        /* At every drop, the last one or not: an older stamp could otherwise come back unseen. */
        next = ((word - TYPE_USE) & ~TYPE_STAMP) | tlb_stamp();
    } while (!__atomic_compare_exchange_n(&f->type, &word, next, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
}

/* --- of core/arch.h, inline: every grant comes through here --- */

static inline int arch_frame_get(mfn_t frame, struct domain *owner, bool writable)
{
    struct frame *f = frame_get(frame, owner);

    if (unlikely(!f))
        return -XEN_EINVAL;
    if (writable && unlikely(!frame_get_writable(f, false))) {
        frame_put(f);
        return -XEN_EBUSY;
    }
    return 0;
}

static inline void arch_frame_put(mfn_t frame, bool writable)
{
    struct frame *f = frame_at(frame);

    if (writable)
        frame_put_use(f);
    frame_put(f);
}

/* The same by core/'s names. */
#define arch_frame_bytes frame_bytes
#define arch_page_mfn    bytes_frame

/* --- the allocator (alloc.c); no reference, no owner --- */

#define ALLOC_ORDER_MAX 18 /* 1 GiB */

/* 2^order contiguous frames that no TLB has any more; contents undefined. INVALID_MFN: none. Hold
 * no spin lock: it may flush. */
mfn_t frames_alloc(unsigned order);
void frames_free(mfn_t start, unsigned order);
uint64_t frames_free_count(void);

/* --- frames of domains (owned.c) --- */

/* As frames_alloc, zeroed and below the address bits of mem_flags (XENMEMF_*). Calls cond_resched.
 */
mfn_t frames_alloc_zeroed(unsigned order, uint32_t mem_flags);
/* Makes such frames, still nobody's, the domain's memory; pages must count them already. False: it
 * is dying. */
bool frames_adopt(struct domain *d, mfn_t start, uint64_t count);

/* The domain gives up the frame: no more FRAME_ALLOCATED. It goes when its other uses do. False:
 * the domain had given it up already. The caller has a reference. */
bool frame_give_up(struct frame *f);
/* For a dying domain: takes the first frame off its list, with a reference. NULL: none is left. */
struct frame *frames_take_first(struct domain *d);
