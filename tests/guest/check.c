#include "check.h"

static unsigned passed, failed, skipped;

void check_at(const char *name, long got, long expected)
{
    if (got == expected) {
        passed++;
        printf("PASS %s\n", name);
        return;
    }
    failed++;
    printf("FAIL %s: got %ld (%#lx), expected %ld (%#lx)\n", name, got, (unsigned long)got,
           expected, (unsigned long)expected);
}

void check_skip(const char *name, const char *reason)
{
    skipped++;
    printf("SKIP %s: %s\n", name, reason);
}

int check_done(void)
{
    printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
    return failed == 0 && passed > 0 ? 0 : 1;
}

bool on_lamina(void)
{
    struct lamina_version version;

    return hypercall_lamina_op(LAMINA_OP_version, &version) == 0;
}

uint16_t check_own_domid(void)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
    struct evtchn_status status = {.dom = DOMID_SELF};

    hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
    bind.remote_port = alloc.port;
    hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
    status.port = bind.local_port;
    hypercall_event_channel_op(EVTCHNOP_status, &status);
    return status.u.interdomain.dom;
}

struct lm_pool *check_pool(void)
{
    static struct lm_pool pool;
    static bool made;

    if (!made)
        lm_pool_init(&pool);
    made = true;
    return &pool;
}

void *check_page(void)
{
    void *page = lm_pool_take(check_pool());

    lm_assert(page);
    return page;
}
