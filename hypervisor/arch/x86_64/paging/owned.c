/* Frames that belong to domains: how they come, are counted, and go. */
#include "core/domain.h"
#include "core/log.h"
#include "lib/string.h"
#include "paging/paging.h"

bool frame_get_writable_slow(struct frame *f, bool flush)
{
    while (!frame_get_writable_again(f)) {
        uint64_t word = READ_ONCE(f->type), stale = 0;
        const struct domain *d = frame_owner(f);

        if (TYPE_OF(word) == TYPE_WRITABLE && (word & TYPE_USES) != 0 &&
            (word & TYPE_USES) != TYPE_USES)
            continue; /* it has become one */
        if ((word & TYPE_USES) != 0)
            return false;
        if (TYPE_OF(word) != TYPE_NONE && TYPE_OF(word) != TYPE_WRITABLE && d)
            stale = tlb_stale(READ_ONCE(d->arch.paging.tlb_cpus), (uint32_t)(word & TYPE_STAMP));
        if (stale != 0 && !flush)
            return false;
        if (stale != 0)
            tlb_flush(stale);
        else if (__atomic_compare_exchange_n(&f->type, &word, TYPE_MAKE(TYPE_WRITABLE) | TYPE_USE,
                                             false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            return true;
    }
    return true;
}

bool frames_adopt(struct domain *d, mfn_t start, uint64_t count)
{
    struct paging_domain *p = &d->arch.paging;
    bool first;

    spin_lock(&p->lock);
    if (d->dying) {
        spin_unlock(&p->lock);
        return false;
    }
    for (uint64_t n = start.n; n < start.n + count; n++) {
        struct frame *f = frame_at(mfn(n));

        f->owner = owner_number(d);
        f->state = FRAME_ALLOCATED;
        frame_list_push(&p->first, f);
        __atomic_store_n(&f->refs, 1, __ATOMIC_RELEASE);
    }
    first = p->frames == 0;
    p->frames += count;
    spin_unlock(&p->lock);

    /* Whoever refers to a frame may be led to its owner: the struct stays while it has any. */
    if (first)
        __atomic_add_fetch(&d->refs, 1, __ATOMIC_RELAXED);
    return true;
}

static void disown(struct domain *d, struct frame *f)
{
    struct paging_domain *p = &d->arch.paging;
    bool last;

    spin_lock(&p->lock);
    frame_list_remove(&p->first, f);
    last = --p->frames == 0;
    spin_unlock(&p->lock);

    __atomic_sub_fetch(&d->pages, 1, __ATOMIC_RELAXED);
    if (last)
        domain_put(d);
}

void frame_release(struct frame *f)
{
    ASSERT((f->type & TYPE_USES) == 0);
    if (!(f->state & FRAME_SHARED))
        disown(frame_owner(f), f);
    frames_free(frame_mfn(f), 0);
}

struct frame *frames_take_first(struct domain *d)
{
    struct paging_domain *p = &d->arch.paging;
    struct frame *f = NULL;

    spin_lock(&p->lock);
    while (!f && p->first) {
        f = frame_at(mfn(p->first));
        frame_list_remove(&p->first, f);
        /* One with no reference left is on its way out in frame_release. */
        if (!frame_ref(f, owner_number(d)))
            f = NULL;
    }
    spin_unlock(&p->lock);
    return f;
}

mfn_t frames_alloc_zeroed(unsigned order, uint32_t mem_flags)
{
    unsigned bits = XENMEMF_get_address_bits(mem_flags);
    mfn_t m = frames_alloc(order);

    if (mfn_equal(m, INVALID_MFN))
        return m;
    if (bits != 0 && bits < 64 && ((m.n + (1ul << order)) << PAGE_SHIFT) > 1ul << bits) {
        frames_free(m, order);
        return INVALID_MFN;
    }
    for (uint64_t i = 0; i < 1ul << order; i++) {
        memset(frame_bytes(mfn(m.n + i)), 0, PAGE_SIZE);
        cond_resched_each(16, i);
    }
    return m;
}

bool frame_give_up(struct frame *f)
{
    uint32_t was = __atomic_fetch_and(&f->state, ~FRAME_ALLOCATED, __ATOMIC_RELAXED);

    if (was & FRAME_ALLOCATED)
        frame_put(f);
    return was & FRAME_ALLOCATED;
}

/* --- what core/ sees of it --- */

mfn_t arch_populate(struct domain *d, pfn_t first_pfn, unsigned order, uint32_t mem_flags)
{
    uint64_t count = 1ul << order;
    mfn_t m = INVALID_MFN;

    if (__atomic_add_fetch(&d->pages, count, __ATOMIC_RELAXED) <= READ_ONCE(d->max_pages))
        m = frames_alloc_zeroed(order, mem_flags);
    if (!mfn_equal(m, INVALID_MFN)) {
        m2p_set_extent(m, first_pfn, order); /* once it is the domain's, it may be given up */
        if (frames_adopt(d, m, count))
            return m;
        frames_free(m, order);
    }
    __atomic_sub_fetch(&d->pages, count, __ATOMIC_RELAXED);
    return INVALID_MFN;
}

int arch_depopulate(struct domain *d, mfn_t frame)
{
    struct frame *f = frame_get(frame, d);
    bool was_its;

    if (!f)
        return -XEN_EINVAL;
    was_its = frame_give_up(f);
    frame_put(f);
    return was_its ? 0 : -XEN_EINVAL;
}

uint64_t arch_max_frame(void)
{
    return frames_max;
}

void *arch_share_page(struct domain *d, bool writable)
{
    void *page = arch_alloc_pages(0);
    struct frame *f;

    if (!page)
        return NULL;
    f = frame_at(bytes_frame(page));
    f->type = TYPE_MAKE(writable ? TYPE_WRITABLE : TYPE_NONE) | TYPE_USE;
    f->owner = owner_number(d);
    f->state = FRAME_SHARED;
    __atomic_store_n(&f->refs, 1, __ATOMIC_RELEASE);
    return page;
}

/* Whoever still maps it keeps the page, which is nobody's then: the domain's struct may go. */
void arch_unshare_page(struct domain *d, void *page)
{
    struct frame *f = frame_at(bytes_frame(page));

    ASSERT(frame_owner(f) == d);
    WRITE_ONCE(f->owner, 0);
    arch_frame_put(frame_mfn(f), true);
}
