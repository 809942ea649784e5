/* Two domains: the lender grants pages of every kind, gives one up and ends, while the borrower
 * maps them; the borrower goes on to use what it has, and gives it back. */
#include "provoke.h"

#define READ_ONLY (LM_PTE_DATA & ~LM_PTE_WRITE)
#define MS        1000000ul
#define LONG      (20000 * MS)

/* What is lent; added to the wire's reference. */
enum { DATA, SHARED_INFO, GRANT_TABLE, L1_READ, MAPPED, L1_WRITE = MAPPED, NOBODYS, FORGED };

enum { BEGUN, BORROWED, GIVEN_UP }; /* the data page's first word */

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static char slots[MAPPED][LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));

static void sleep_ms(void)
{
    struct sched_poll poll = {.timeout = lm_time_ns() + MS};

    hypercall_sched_op(SCHEDOP_poll, &poll);
}

static long give_up(uint64_t mfn)
{
    struct xen_memory_reservation r = {.extent_start = &mfn, .nr_extents = 1, .domid = DOMID_SELF};

    return hypercall_memory_op(XENMEM_decrease_reservation, &r);
}

/* --- the lender --- */

static uint64_t grant_table_frame(void)
{
    uint64_t frame = 0;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1, .frame_list = &frame};

    lm_assert(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) == 0);
    return frame;
}

static void lend(const struct lamina_wire *wire)
{
    static struct lm_grants grants;
    volatile uint64_t *data = check_page();
    uint64_t *l1 = check_page(), frame = lm_virt_to_mfn((void *)data);
    const struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = lm_virt_to_mfn(l1)};
    const uint64_t frames[] = {frame,
                               lm_start_info->shared_info >> LM_PAGE_SHIFT,
                               grant_table_frame(),
                               pin.arg1.mfn,
                               pin.arg1.mfn,
                               1};

    l1[0] = lm_pte(frame, LM_PTE_DATA);
    lm_protect(l1, READ_ONLY);
    check(hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF), 0, "an L1");
    lm_assert(lm_grants_init(&grants, grant_area, 1) == 0);
    for (unsigned i = 0; i <= NOBODYS; i++)
        lm_assert(lm_grant_access_at(&grants, wire->id + i, wire->peer, frames[i], i == L1_READ) ==
                  0);
    while (data[0] != BORROWED)
        sleep_ms();
    check(give_up(frame), 1, "giving up a page that is lent");
    check(give_up(frame), 0, "giving it up again");
    data[0] = GIVEN_UP; /* our own mapping is another reason for the page to stay */
}

/* --- the borrower --- */

static int borrow(const struct lamina_wire *wire, unsigned what, struct lm_grant_mapping *m)
{
    return lm_grant_map(m, wire->peer, wire->id + what, slots[what % MAPPED], what == L1_READ);
}

static void map_all(const struct lamina_wire *wire, struct lm_grant_mapping *m)
{
    struct lm_grant_mapping refused;
    uint64_t begin = lm_time_ns();
    int rc;

    for (unsigned i = 0; i < MAPPED; i++) {
        while ((rc = borrow(wire, i, &m[i])) != 0 && lm_time_ns() - begin < LONG)
            sleep_ms(); /* until the lender has granted it */
        check(rc, 0, "mapping number %u", i);
    }
    check(borrow(wire, L1_WRITE, &refused), GNTST_general_error,
          "writing to an L1 of the lender's");
    check(borrow(wire, NOBODYS, &refused), GNTST_bad_page, "a frame that is not the lender's");
    PROVOKE("movb $1, (%0)", : : "r"(slots[L1_READ]));
    check(provoked.vector, 14, "a write to the L1 faults");
}

/* Until the lender is no more. */
static void wait_for_end(const struct lamina_wire *wire)
{
    uint64_t begin = lm_time_ns();
    struct lm_grant_mapping m;
    int rc;

    while ((rc = borrow(wire, FORGED, &m)) != GNTST_bad_domain && lm_time_ns() - begin < LONG)
        sleep_ms();
    check(rc, GNTST_bad_domain, "the lender ends");
}

static void borrow_all(const struct lamina_wire *wire)
{
    struct lm_grant_mapping m[MAPPED], second, forged;
    volatile uint64_t *data = (volatile uint64_t *)slots[DATA];
    struct grant_entry_v1 *table = (struct grant_entry_v1 *)slots[GRANT_TABLE];

    map_all(wire, m);
    check(lm_grant_map(&second, wire->peer, wire->id + DATA, slots[DATA], false), 0,
          "mapping it over itself");
    data[0] = BORROWED;
    wait_for_end(wire);

    /* All of this was the lender's, which is gone: it is there, and harms no one. */
    check(data[0], GIVEN_UP, "the last that the lender wrote");
    memset(slots[SHARED_INFO], 0xff, LM_PAGE_SIZE);
    table[wire->id + FORGED] =
        (struct grant_entry_v1){GTF_permit_access, table[wire->id].domid, table[wire->id].frame};
    check(borrow(wire, FORGED, &forged), GNTST_bad_domain, "a grant forged in its table");
    for (unsigned i = 0; i < 512; i++)
        data[i] = i;
    sleep_ms(); /* for the hypervisor to reap it, if it would */
    check(data[511], 511, "its page can still be used");

    check(lm_grant_unmap(&second), 0, "unmapping the second one");
    check(lm_grant_unmap(&m[DATA]), GNTST_general_error, "its place is empty for the first one");
    for (unsigned i = SHARED_INFO; i < MAPPED; i++) {
        struct lm_grant_mapping stale = m[i];

        check(lm_grant_unmap(&m[i]), 0, "unmapping number %u", i);
        check(lm_grant_unmap(&stale), GNTST_bad_handle, "unmapping number %u again", i);
    }
}

int main(void)
{
    struct lamina_wire wire = lm_wire_need("loan", LAMINA_WIRE_shared_page);

    provoke_init();
    if (wire.role == LAMINA_WIRE_first)
        lend(&wire);
    else
        borrow_all(&wire);
    return check_done();
}
