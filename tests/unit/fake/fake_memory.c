#include "fake.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct fake_frame fake_frame[FAKE_FRAMES];
unsigned fake_pages;
unsigned fake_pages_left = UINT_MAX;
void (*fake_race)(void);

static uintptr_t readonly_start, readonly_end;

static void race(void)
{
    if (fake_race)
        fake_race();
}

void *arch_alloc_pages(unsigned order)
{
    size_t bytes = PAGE_SIZE << order;
    void *p;

    fake_no_lock_held();
    if (fake_pages_left < 1u << order)
        return NULL;
    if (fake_pages_left != UINT_MAX)
        fake_pages_left -= 1u << order;
    p = aligned_alloc(PAGE_SIZE, bytes);
    memset(p, 0, bytes);
    fake_pages += 1u << order;
    return p;
}

void arch_free_pages(void *pages, unsigned order)
{
    if (!pages)
        return;
    fake_pages -= 1u << order;
    free(pages);
}

static struct fake_frame *add_frame(struct domain *d)
{
    for (unsigned i = 1; i < FAKE_FRAMES; i++) {
        struct fake_frame *f = &fake_frame[i];

        if (f->owner)
            continue;
        f->bytes = arch_alloc_pages(0);
        if (!f->bytes)
            return NULL;
        f->owner = d;
        return f;
    }
    fail_msg("the test needs more than %d frames", FAKE_FRAMES);
    return NULL;
}

uint64_t fake_new_frame(struct domain *d)
{
    return (uint64_t)(add_frame(d) - fake_frame);
}

void *arch_share_page(struct domain *d, bool writable)
{
    struct fake_frame *f = add_frame(d);

    (void)writable;
    if (!f)
        return NULL;
    f->shared = true;
    return f->bytes;
}

static void drop_frame(struct fake_frame *f)
{
    assert_int_equal(f->refs, 0);
    assert_int_equal(f->writable_refs, 0);
    arch_free_pages(f->bytes, 0);
    memset(f, 0, sizeof(*f));
}

mfn_t arch_page_mfn(const void *in_page)
{
    const void *page = (const void *)((uintptr_t)in_page & PAGE_MASK);

    for (unsigned i = 1; i < FAKE_FRAMES; i++)
        if (fake_frame[i].bytes == page)
            return mfn(i);
    fail_msg("not a page of a frame");
    return INVALID_MFN;
}

void arch_unshare_page(struct domain *d, void *page)
{
    struct fake_frame *f = &fake_frame[arch_page_mfn(page).n];

    assert_ptr_equal(f->owner, d);
    assert_true(f->shared);
    drop_frame(f);
}

int arch_frame_get(mfn_t frame, struct domain *owner, bool writable)
{
    struct fake_frame *f = &fake_frame[frame.n % FAKE_FRAMES];

    race();
    if (frame.n == 0 || frame.n >= FAKE_FRAMES || f->owner != owner)
        return -XEN_EINVAL;
    if (writable && f->is_page_table)
        return -XEN_EBUSY;
    f->refs++;
    f->writable_refs += writable;
    return 0;
}

void arch_frame_put(mfn_t frame, bool writable)
{
    struct fake_frame *f = &fake_frame[frame.n];

    assert_true(f->refs > 0);
    f->refs--;
    assert_true(f->refs > 0 || !f->in_tlb);
    if (writable) {
        assert_true(f->writable_refs > 0);
        f->writable_refs--;
    }
}

void *arch_frame_bytes(mfn_t frame)
{
    assert_true(fake_frame[frame.n].refs > 0);
    return fake_frame[frame.n].bytes;
}

guest_ptr_t fake_ptr(const void *p)
{
    return guest_ptr((uintptr_t)p);
}

void fake_make_readonly(const void *p, size_t bytes)
{
    readonly_start = (uintptr_t)p;
    readonly_end = readonly_start + bytes;
}

bool copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    race();
    if (src.addr < FAKE_FAULT)
        return false;
    memcpy(dst, (const void *)src.addr, bytes);
    return true;
}

bool copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    race();
    if (dst.addr < FAKE_FAULT)
        return false;
    if (dst.addr < readonly_end && dst.addr + bytes > readonly_start)
        return false;
    memcpy((void *)dst.addr, src, bytes);
    return true;
}

void fake_memory_end(void)
{
    for (unsigned i = 1; i < FAKE_FRAMES; i++)
        if (fake_frame[i].owner)
            drop_frame(&fake_frame[i]);
    assert_int_equal(fake_pages, 0);
    fake_pages_left = UINT_MAX;
    fake_race = NULL;
    fake_make_readonly(NULL, 0);
}
