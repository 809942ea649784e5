/* What costs more when there is more of it: pinning and unpinning page tables, and the end of a
 * domain, in instructions. scale.sh runs this in machines of several sizes, among several numbers
 * of domains. bootargs: measure ENDS   prints the figures; ENDS domains wait, each connected to one
 * of its ports from FIRST_PORT on end ENTRIES    waits, with page tables of so many entries besides
 * those that it was built with, and ends when it is rung; 0 or a multiple of 512 */
#include <lamina/guest.h>

#define FIRST_PORT 10
#define ENTRIES    512
#define READ_ONLY  (LM_PTE_DATA & ~LM_PTE_WRITE)

static struct lm_pool pool;

static void *new_page(void)
{
    void *page = lm_pool_take(&pool);

    lm_assert(page);
    return page;
}

static uint64_t *table_of(const void *page, unsigned count)
{
    uint64_t *table = new_page();

    for (unsigned i = 0; i < count; i++)
        table[i] = lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA);
    lm_assert(lm_protect(table, READ_ONLY) == 0);
    return table;
}

/* An L4 table with one L3 and one L2, below which there are so many L1 entries. */
static uint64_t *tree_of(unsigned entries)
{
    uint64_t *data = new_page(), *l2 = new_page(), *l3;

    for (unsigned i = 0; i < entries / ENTRIES; i++)
        l2[i] = lm_pte(lm_virt_to_mfn(table_of(data, ENTRIES)), LM_PTE_TABLE);
    lm_assert(lm_protect(l2, READ_ONLY) == 0);
    l3 = table_of(l2, 1);
    return table_of(l3, 1);
}

/* The second time: everything is as often before. */
static void measure_pin(const char *name, unsigned level, const uint64_t *table)
{
    struct mmuext_op pin = {.cmd = MMUEXT_PIN_L1_TABLE + level - 1,
                            .arg1.mfn = lm_virt_to_mfn(table)};
    struct mmuext_op unpin = {.cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = pin.arg1.mfn};
    uint64_t ticks = 0;

    for (unsigned i = 0; i < 2; i++) {
        ticks = lm_tsc();
        lm_assert(hypercall_mmuext_op(&pin, 1, NULL, DOMID_SELF) == 0);
        lm_assert(hypercall_mmuext_op(&unpin, 1, NULL, DOMID_SELF) == 0);
        ticks = lm_tsc() - ticks;
    }
    printf("%s\t%lu\n", name, ticks);
}

static void measure_pins(void)
{
    static const unsigned l1_entries[] = {0, 128, 256, 512}, tree_entries[] = {4096, 16384};
    const void *data = new_page();
    char name[64];

    for (unsigned i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "pin + unpin an L1, entries: %u", l1_entries[i]);
        measure_pin(name, 1, table_of(data, l1_entries[i]));
    }
    for (unsigned i = 0; i < 2; i++) {
        snprintf(name, sizeof(name), "pin + unpin a tree, entries: %u", tree_entries[i]);
        measure_pin(name, 4, tree_of(tree_entries[i]));
    }
}

static uint64_t runnable_ns(void)
{
    struct vcpu_runstate_info info;

    lm_assert(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &info) == 0);
    return info.time[RUNSTATE_runnable];
}

/* Rings one of the others, unless the port is 0, and gives way until nobody wants to run. Returns
 * how long that took. */
static uint64_t let_others_run(uint32_t port)
{
    uint64_t begin = lm_tsc(), end = begin, now = runnable_ns(), last;

    if (port)
        lm_assert(lm_event_send(port) == 0);
    do {
        last = now;
        lm_yield();
        now = runnable_ns();
        if (now != last)
            end = lm_tsc();
    } while (now != last);
    return end - begin;
}

static void measure(unsigned ends)
{
    struct evtchn_status status;

    let_others_run(0); /* until they all wait */
    measure_pins();
    for (unsigned i = 0; i < ends; i++) {
        status = (struct evtchn_status){.dom = DOMID_SELF, .port = FIRST_PORT + i};
        printf("end %u\t%lu\n", i, let_others_run(status.port));
        hypercall_event_channel_op(EVTCHNOP_status, &status);
        lm_assert(status.status == EVTCHNSTAT_unbound);
    }
}

int main(void)
{
    const char *args = (const char *)lm_start_info->cmd_line;
    unsigned number = (unsigned)strtoul(strchr(args, ' ') + 1, NULL, 10);

    lm_timer_stop_periodic();
    lm_pool_init(&pool);
    if (args[0] == 'm') {
        measure(number);
        return 0;
    }
    lm_event_mask(FIRST_PORT);
    lm_assert(lm_pt_pin_root(tree_of(number)) == 0);
    lm_event_wait(FIRST_PORT);
    return 0;
}
