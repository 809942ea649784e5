#include "guest.h"

#include <stdio.h>
#include <string.h>

static uint64_t free_at_start;

struct guest guest_make(void)
{
    struct guest g = {0};

    env_init();
    if (!free_at_start) {
        void *zero_page_user = env_new_domain(1, 1); /* makes what is made once */

        env_destroy(zero_page_user);
        free_at_start = frames_free_count();
    }
    g.d = env_new_domain(2, GUEST_PAGES + 16);
    assert_non_null(g.d);
    g.v = g.d->vcpu[0];
    for (unsigned i = 0; i < GUEST_PAGES; i++) {
        g.page[i] = frames_alloc_for_domain(g.d, 0);
        assert_true(frame_exists(g.page[i]));
    }
    bytes(g.page[AT_L4])[pte_index(GUEST_VA, 4)] = pte_make(g.page[AT_L3], RW);
    bytes(g.page[AT_L3])[pte_index(GUEST_VA, 3)] = pte_make(g.page[AT_L2], RW);
    bytes(g.page[AT_L2])[pte_index(GUEST_VA, 2)] = pte_make(g.page[AT_L1], RW);
    for (unsigned i = 0; i < GUEST_PAGES; i++)
        bytes(g.page[AT_L1])[pte_index(va_of(i), 1)] = pte_make(g.page[i], i < AT_L1 ? RW : P);
    assert_int_equal(paging_install_l4(g.v, g.page[AT_L4]), 0);
    env_cpu = 0;
    env_run(g.v);
    env_log[0] = 0;
    env_log_lines = 0;
    env_race = env_resched = NULL;
    check();
    return g;
}

void check(void)
{
    assert_int_equal(env_audit(), 0);
    assert_false(env_tlb_wrong());
}

void guest_end(void)
{
    env_race = env_resched = NULL;
    check();
    env_idle();
    for (unsigned i = 1; i <= ENV_DOMAINS; i++)
        if (env_domain[i]) {
            env_destroy(env_domain[i]);
            check();
        }
    env_held = NULL;
    assert_int_equal(env_reap(), 0);
    assert_int_equal(frames_free_count(), free_at_start);
}

long update(uint64_t ptr, uint64_t val)
{
    struct mmu_update req = {ptr, val};
    uint32_t done = 99;
    long rc = do_mmu_update(gp(&req), 1, gp(&done), DOMID_SELF);

    assert_int_equal(done, rc == 0);
    return rc;
}

long ext(unsigned cmd, uint64_t arg1, uint64_t arg2)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2};
    uint32_t done = 99;
    long rc = do_mmuext_op(gp(&op), 1, gp(&done), DOMID_SELF);

    assert_int_equal(done, rc == 0);
    return rc;
}

void hide(struct guest *g, unsigned page)
{
    assert_int_equal(update(machine(g->page[AT_L1], pte_index(va_of(page), 1)), 0), 0);
}

uint64_t type_of(mfn_t m)
{
    return TYPE_OF(frame_at(m)->type);
}

uint64_t uses_of(mfn_t m)
{
    return USES_OF(frame_at(m)->type);
}

uint64_t refs_of(mfn_t m)
{
    return frame_at(m)->refs;
}

void assert_logged(const char *text)
{
    if (!strstr(env_log, text))
        fail_msg("expected a line with \"%s\", got \"%s\"", text, env_log);
    env_log[0] = 0;
}
