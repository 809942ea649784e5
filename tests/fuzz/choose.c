#include "choose.h"

#include <stdio.h>
#include <stdlib.h>

int ops_verbose;
const uint8_t *at;
uint64_t page[DOMAINS + 1][MAX_PAGES];
struct held held[HELD];

struct domain *me(void)
{
    return env_current->domain;
}

struct model_vcpu *mv(void)
{
    return &model.v[me()->id][env_current->id];
}

void expect(const char *what, long got, long want)
{
    if (ops_verbose)
        fprintf(stderr, "  %s by d%u: %ld\n", what, me()->id, got);
    if (got == want)
        return;
    fprintf(stderr, "%s by domain %u: got %ld, expected %ld; log: %s\n", what, me()->id, got, want,
            env_log);
    abort();
}

unsigned choose(size_t n)
{
    return (unsigned)(*at++ % n);
}

unsigned other_domain(unsigned d)
{
    return d % DOMAINS + 1;
}

uint64_t choose_frame(void)
{
    unsigned b = *at++, d = me()->id;

    if (b < 200)
        return page[d][b % MAX_PAGES];
    switch (b % 16) {
    case 0:
        return 0;
    case 1:
        return 120; /* the hole */
    case 2:
        return ENV_FRAMES;
    case 3:
        return PTE_FRAME >> PAGE_SHIFT;
    case 4:
        return bytes_frame(env_domain[d]).n;
    case 5:
        return bytes_frame(env_domain[d]->shared).n;
    case 6:
        return 1ul << 40;
    default:
        return page[other_domain(d)][b % 16 * 3 % MAX_PAGES];
    }
}

uint64_t choose_slot(void)
{
    static const uint16_t slots[] = {0,   1,   2,   3,   4,   28,  29, 255,
                                     256, 260, 271, 272, 510, 511, 2,  0};

    return slots[choose(ARRAY_LEN(slots))];
}

static uint64_t choose_flags(void)
{
    static const uint64_t flags[] = {
        PTE_PRESENT | PTE_RW,
        PTE_PRESENT,
        PTE_PRESENT | PTE_RW | PTE_USER,
        PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY | PTE_NX,
        PTE_PRESENT | PTE_AVAIL | PTE_GUEST_KERNEL | PTE_GLOBAL | PTE_USER,
        0,
        PTE_RW,
        PTE_PRESENT | PTE_PSE,
        PTE_PRESENT | PTE_PCD | PTE_RW,
        PTE_PRESENT | PTE_GLOBAL,
        PTE_PRESENT | PTE_GRANT,
        PTE_PRESENT | PTE_RW | PTE_NX,
    };
    unsigned b = *at++;

    return flags[b < 200 ? b % 5 : b % ARRAY_LEN(flags)];
}

uint64_t choose_entry(void)
{
    uint64_t frame = choose_frame();

    return frame << PAGE_SHIFT | choose_flags();
}

uint64_t choose_va(void)
{
    static const uint64_t tops[] = {0,
                                    0,
                                    0,
                                    1ul << 39,
                                    RESERVED_START,
                                    RESERVED_END,
                                    0xffffff8000000000ul,
                                    0x0000800000000000ul};
    unsigned b = *at++;

    return tops[b % 8] + (uint64_t)(b / 8 % 2) * (1ul << 30) + VA +
           (uint64_t)(*at++ % 40) * PAGE_SIZE;
}

uint16_t choose_foreign(unsigned *d, long *rc)
{
    unsigned b = *at++;
    bool privileged = me()->privileges & PRIV_FOREIGN_MAP;

    *d = me()->id;
    *rc = 0;
    if (b < 200)
        return DOMID_SELF;
    switch (b % 8) {
    case 0:
        *rc = -XEN_EPERM;
        return DOMID_IO;
    case 1:
        *rc = -XEN_EPERM;
        return DOMID_XEN;
    case 2:
        *rc = -XEN_ESRCH;
        return 77;
    case 3:
        *rc = -XEN_ESRCH;
        return me()->id;
    default:
        *d = other_domain(*d);
        *rc = privileged ? 0 : -XEN_EPERM;
        return (uint16_t)*d;
    }
}

bool is_own(uint64_t frame, unsigned d)
{
    return frame < ENV_FRAMES && model.f[frame].refs && model.f[frame].owner == d;
}

bool can_write(uint64_t frame)
{
    return model.f[frame].uses == 0 || model.f[frame].type == TYPE_WRITABLE;
}

void drop_held(struct held *h)
{
    if (!h->used)
        return;
    if (h->writable)
        model_unuse(h->frame);
    model_unref(h->frame);
    arch_frame_put(mfn(h->frame), h->writable);
    h->used = false;
}
