/* paging/'s half of XENMEM_exchange: frames of a domain for as many others. */
#include "core/log.h"
#include "paging/type.h"

/* Takes the frame's last reference, the domain's own, so that nobody can get one any more. The mark
 * goes first: who clears it has that reference. */
static bool take(struct domain *d, mfn_t m)
{
    struct frame *f = frame_get(m, d);
    uint32_t refs = 2;

    if (f &&
        (__atomic_fetch_and(&f->state, ~FRAME_ALLOCATED, __ATOMIC_RELAXED) & FRAME_ALLOCATED)) {
        if (__atomic_compare_exchange_n(&f->refs, &refs, 0, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_RELAXED))
            return true;
        __atomic_fetch_or(&f->state, FRAME_ALLOCATED, __ATOMIC_RELAXED);
    }
    guest_log(d, "exchange of mfn %#lx: it is %s", m.n,
              f ? "mapped, pinned or granted" : "not a frame of the domain");
    if (f)
        frame_put(f);
    return false;
}

static void give_back(mfn_t m)
{
    frame_at(m)->state = FRAME_ALLOCATED;
    __atomic_store_n(&frame_at(m)->refs, 1, __ATOMIC_RELEASE);
}

/* An extent that is nobody's yet; *number is its first pfn, then its first mfn. */
static int make(uint64_t *number, unsigned order, uint32_t mem_flags)
{
    mfn_t m = frames_alloc_zeroed(order, mem_flags);

    if (mfn_equal(m, INVALID_MFN))
        return -XEN_ENOMEM;
    m2p_set_extent(m, pfn(*number), order);
    *number = m.n;
    return 0;
}

/* One at a time for each domain: what is made before the old ones go is beyond its allowance. */
int arch_exchange(struct domain *d, const uint64_t *in, uint64_t *out, unsigned order,
                  unsigned out_order, uint32_t mem_flags)
{
    uint64_t count = 1ul << order, nr_out = count >> out_order, made = 0, taken = 0;
    int rc = 0;

    paging_lock(d);
    while (made < nr_out && (rc = make(&out[made], out_order, mem_flags)) == 0)
        cond_resched_each(32, made++);
    while (rc == 0 && taken < count)
        if (take(d, mfn(in[taken])))
            cond_resched_each(32, taken++);
        else
            rc = -XEN_EINVAL;
    if (rc) {
        for (; taken > 0; cond_resched_each(32, taken))
            give_back(mfn(in[--taken]));
        for (; made > 0; cond_resched_each(32, made))
            frames_free(mfn(out[--made]), out_order);
    } else {
        /* Counted before the old ones go: what they leave is not for others to take. */
        __atomic_add_fetch(&d->pages, count, __ATOMIC_RELAXED);
        for (uint64_t i = 0; i < count; cond_resched_each(32, i++))
            frame_release(frame_at(mfn(in[i])));
        for (uint64_t i = 0; i < nr_out; cond_resched_each(32, i++)) {
            bool adopted = frames_adopt(d, mfn(out[i]), 1ul << out_order);

            ASSERT(adopted); /* a domain that runs is not dying */
        }
    }
    paging_unlock(d);
    return rc;
}
