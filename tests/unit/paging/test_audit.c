/* What the auditor is there to find. Each mistake is made behind the back of paging/, and undone.
 */
#include <string.h>

#include "guest.h"

static void finds(const char *text)
{
    assert_true(env_audit() > 0);
    if (!strstr(env_finding, text))
        fail_msg("expected a finding with \"%s\", got \"%s\"", text, env_finding);
}

#define WHILE(lvalue, value, text)                              \
    do {                                                        \
        __typeof__(lvalue) *place_ = &(lvalue), was_ = *place_; \
        *place_ = (value);                                      \
        finds(text);                                            \
        *place_ = was_;                                         \
        check();                                                \
    } while (0)

static uint64_t *entry(const struct guest *g, unsigned table, unsigned index)
{
    return &bytes(g->page[table])[index];
}

static uint64_t *l1_entry(const struct guest *g, unsigned page)
{
    return entry(g, AT_L1, pte_index(va_of(page), 1));
}

static void wrong_counts(void **state)
{
    struct guest g = guest_make();
    struct frame *f = frame_at(g.page[0]);

    (void)state;
    WHILE(f->refs, f->refs + 1, "has 3 references, 1 uses: found 2, 1");
    WHILE(f->refs, f->refs - 1, "has 1 references, 1 uses: found 2, 1");
    WHILE(f->type, f->type + TYPE_USE, "uses: found 2, 1");
    WHILE(f->type, f->type | TYPE_PINNED, "found 3, 2");
    WHILE(f->state, 0, "found 1, 1");
    guest_end();
}

static void frames_of_nobody(void **state)
{
    struct guest g = guest_make();

    (void)state;
    WHILE(frame_at(mfn(120))->owner, owner_number(g.d), "d1 owns 65 frames");
    WHILE(frame_at(mfn(120))->type, TYPE_MAKE(TYPE_L1), "nobody's (type word 0x1000000000000000)");
    WHILE(frame_at(mfn(120))->refs, 1, "nobody's (type word 0x0), has 1 references");
    guest_end();
}

static void lists_and_sums(void **state)
{
    struct guest g = guest_make();
    struct paging_domain *p = &g.d->arch.paging;
    struct frame *free = frame_at(mfn(1));

    (void)state;
    WHILE(p->frames, p->frames + 1, "d1 owns 64 frames: counted 65, as pages 64, on its list 64");
    WHILE(g.d->pages, g.d->pages - 1, "counted 64, as pages 63");
    WHILE(p->first, frame_at(mfn(p->first))->next, "on its list 63");
    WHILE(frame_at(mfn(p->first))->next, 0, "on its list 1");
    while (!(free->state & FRAME_FREE))
        free++;
    WHILE(free->state, 0, "frames are free");
    WHILE(free->state, free->state + 1, "frames are free");
    guest_end();
}

static void wrong_pages(void **state)
{
    struct guest g = guest_make();
    struct domain *other = env_new_domain(1, 8);
    mfn_t theirs = frames_alloc_for_domain(other, 0);
    uint64_t *at = l1_entry(&g, 0), *table = l1_entry(&g, AT_L1);

    (void)state;
    /* The table itself, and one of another level, writable. */
    WHILE(*table, *table | PTE_RW, "as type 6, but that is d1's and has type 1");
    WHILE(*at, pte_make(g.page[AT_L4], RW | PTE_USER),
          "as type 6, but that is d1's and has type 4");
    /* Another domain's, without a reference. */
    WHILE(*at, pte_make(theirs, P | PTE_USER | PTE_GUEST_KERNEL), "found");
    WHILE(*at, pte_make(theirs, RW | PTE_USER | PTE_GUEST_KERNEL), "as type 6");
    WHILE(*at, pte_make(mfn(120), P | PTE_USER), "but that is nobody's");
    WHILE(*at, pte_make(mfn(ENV_FRAMES), P | PTE_USER), "does not exist");
    WHILE(*at, 0, "found 1, 0");
    WHILE(*at, *at | PTE_PCD, "not for guests");
    WHILE(*at, *at & ~PTE_USER, "not for guests");
    guest_end();
}

static void wrong_tables(void **state)
{
    struct guest g = guest_make();
    uint64_t *l2 = entry(&g, AT_L2, pte_index(GUEST_VA, 2));
    uint64_t *l3 = entry(&g, AT_L3, 9), *l4 = entry(&g, AT_L4, 0);

    (void)state;
    WHILE(*l2, *l2 | PTE_PSE, "not for guests");
    WHILE(*l2, *l2 & ~PTE_USER, "not for guests");
    WHILE(*l3, pte_make(g.page[AT_L1], RW | PTE_USER),
          "as type 2, but that is d1's and has type 1");
    WHILE(*l3, pte_make(g.page[AT_L2], RW | PTE_USER), "has 3 references, 1 uses: found 4, 2");
    WHILE(*l2, pte_make(g.page[0], RW | PTE_USER), "as type 1, but that is d1's and has type 6");
    WHILE(*l2, pte_make(mfn(ENV_FRAMES), RW | PTE_USER), "does not exist");
    for (unsigned i = L4_SLOT_FIRST_RESERVED; i <= L4_SLOT_LAST_RESERVED; i++)
        WHILE(l4[i], l4[i] ^ PTE_USER, "not for guests");
    WHILE(l4[L4_SLOT_DOMAIN], 0, "entry 260 of");
    guest_end();
}

static void wrong_vcpus(void **state)
{
    struct guest g = guest_make();
    struct paging_vcpu *p = &g.v->arch.paging;

    (void)state;
    hide(&g, 1);
    assert_int_equal(do_set_gdt(gp(&g.page[1]), 8), 0);
    check();
    WHILE(p->kernel_l4, g.page[AT_L3], "as type 4, but that is d1's and has type 3");
    WHILE(p->user_l4, g.page[AT_L4], "4 references, 2 uses: found 5, 3");
    WHILE(p->area[0], pte_make(g.page[0], RW), "as type 5, but that is d1's and has type 6");
    WHILE(p->area[0], 0, "found 1, 0");
    WHILE(p->area[AREA_PAGES_PER_VCPU - 1], pte_make(g.page[1], RW),
          "has 2 references, 1 uses: found 3, 2");
    /* A call gate, and a segment of privilege level 0. */
    WHILE(*bytes(g.page[1]), 0x0000ec0000000000ul, "entry 0 of");
    WHILE(bytes(g.page[1])[511], 0x00af9b000000fffful, "entry 511 of");
    guest_end();
}

static void wrong_shared_pages(void **state)
{
    struct guest g = guest_make();
    void *page = arch_share_page(g.d, true);
    struct frame *f = frame_at(arch_page_mfn(page));

    (void)state;
    check();
    WHILE(f->owner, 0,
          "nobody's (type word 0x6000000100000000), has 1 references, 1 uses: found 0, 0");
    WHILE(f->state, 0, "d1 owns 65 frames");
    WHILE(f->type, 0, "has 1 references, 0 uses: found 1, 1");
    arch_unshare_page(g.d, page);
    guest_end();
}

/* Where much is wrong, the log has the beginning. */
static void many_findings(void **state)
{
    struct guest g = guest_make();

    (void)state;
    for (unsigned i = 0; i < GUEST_PAGES; i++)
        frame_at(g.page[i])->refs++;
    env_own_lines = 0;
    assert_int_equal(env_audit(), GUEST_PAGES);
    assert_int_equal(env_own_lines, 20);
    for (unsigned i = 0; i < GUEST_PAGES; i++)
        frame_at(g.page[i])->refs--;
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_counts),       cmocka_unit_test(frames_of_nobody),
        cmocka_unit_test(lists_and_sums),     cmocka_unit_test(wrong_pages),
        cmocka_unit_test(wrong_tables),       cmocka_unit_test(wrong_vcpus),
        cmocka_unit_test(wrong_shared_pages), cmocka_unit_test(many_findings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
