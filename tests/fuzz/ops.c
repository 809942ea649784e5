#include "ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "choose.h"

static struct vcpu *on_cpu[ENV_CPUS];
static uint64_t free_at_start;

/* --- who runs, and life --- */

static void run(unsigned cpu, struct vcpu *v)
{
    for (env_cpu = 0; env_cpu < ENV_CPUS; env_cpu++)
        if (on_cpu[env_cpu] == v && env_cpu != cpu) {
            env_idle();
            on_cpu[env_cpu] = NULL;
        }
    env_cpu = cpu;
    if (on_cpu[cpu] != v)
        env_run(v);
    on_cpu[cpu] = v;
    env_current = v;
}

static void build(unsigned d)
{
    struct domain *dom = env_new_domain(MODEL_VCPUS, MAX_PAGES);
    uint64_t *l1;

    if (!dom || dom->id != d)
        abort();
    dom->shared = arch_share_page(dom, true);
    dom->privileges = (d == 1 ? PRIV_FOREIGN_MAP : 0) | (d < 3 ? PRIV_LINEAR_TABLES : 0);
    for (unsigned i = 0; i < MAX_PAGES; i++)
        page[d][i] = i < PAGES ? frames_alloc_for_domain(dom, 0).n : 0;
    l1 = frame_bytes(mfn(page[d][AT_L1]));
    for (unsigned i = 0; i < PAGES; i++)
        l1[i] = page[d][i] << PAGE_SHIFT | PTE_PRESENT | (i >= 12 && i < AT_L1 ? PTE_RW : 0);
    for (unsigned i = 1; i < 4; i++)
        ((uint64_t *)frame_bytes(mfn(page[d][AT_L1 + i])))[i == 1 ? 2 : 0] =
            page[d][AT_L1 + i - 1] << PAGE_SHIFT | PTE_PRESENT | PTE_RW;
    if (paging_install_l4(dom->vcpu[0], mfn(page[d][AT_L1 + 3])) ||
        paging_set_l4(dom->vcpu[1], true, mfn(page[d][AT_L1 + 3])))
        abort();
    model_adopt(d);
}

/* The shared page is nobody's then, if it is still mapped. */
static void end_sharing(struct domain *dom)
{
    uint64_t n = bytes_frame(dom->shared).n;

    model.f[n].owner = 0;
    model.f[n].shared = false;
    model_unuse(n);
    model_unref(n);
    arch_unshare_page(dom, dom->shared);
    dom->shared = NULL;
}

static void end_domain(unsigned d)
{
    struct domain *dom = env_domain[d];

    for (env_cpu = 0; env_cpu < ENV_CPUS; env_cpu++)
        if (on_cpu[env_cpu] && on_cpu[env_cpu]->domain == dom) {
            env_idle();
            on_cpu[env_cpu] = NULL;
        }
    env_cpu = 0;
    end_sharing(dom);
    model_destroy(d);
    env_destroy(dom);
}

static void op_life(void)
{
    unsigned d = 1 + choose(DOMAINS);

    if (*at++ > 60) { /* rare */
        run(env_cpu, env_domain[d]->vcpu[choose(MODEL_VCPUS)]);
        return;
    }
    end_domain(d);
    if (!model_agrees())
        abort();
    build(d);
    run(0, env_domain[d]->vcpu[0]);
}

static void op_switch(void)
{
    unsigned cpu = choose(ENV_CPUS), d = 1 + choose(DOMAINS);

    run(cpu, env_domain[d]->vcpu[choose(MODEL_VCPUS)]);
    if (mv()->user != MODEL_NONE && choose(2)) {
        paging_load_tables(env_current, false);
        env_tlb_fill(env_cpu);
        paging_load_tables(env_current, true);
    }
}

/* What a guest's other vCPU may do: change memory as soon as the hypervisor has read it. */
static void scribble(void *from, size_t size)
{
    memset(from, 0xa5, size);
}

static void tell_held(struct audit *a)
{
    for (unsigned i = 0; i < ARRAY_LEN(held); i++)
        if (held[i].used)
            arch_audit_note(a, mfn(held[i].frame), 1, held[i].writable);
}

void ops_begin(void)
{
    env_init();
    if (!free_at_start) {
        env_destroy(env_new_domain(1, 1)); /* makes what is made once */
        free_at_start = frames_free_count();
    }
    memset(&model, 0, sizeof(model));
    env_held = tell_held;
    env_copied = scribble;
    for (unsigned d = 1; d <= DOMAINS; d++)
        build(d);
    run(0, env_domain[2]->vcpu[0]);
}

void ops_step(const uint8_t record[OP_BYTES])
{
    static void (*const ops[])(void) = {
        op_mmu_update,   op_mmu_update,  op_mmu_update,  op_va_mapping,  op_va_mapping,
        op_mmuext,       op_mmuext,      op_mmuext,      op_mmuext,      op_direct_write,
        op_direct_write, op_guest_write, op_guest_write, op_guest_write, op_guest_write,
        op_descriptors,  op_memory,      op_exchange,    op_grant,       op_grant,
        op_assist,       op_switch,      op_life,
    };
    uint8_t bytes[4 * OP_BYTES]; /* again and again, for those that look further */

    for (unsigned i = 0; i < 4; i++)
        memcpy(bytes + i * OP_BYTES, record, OP_BYTES);
    at = bytes;
    model.nr_written = 0;
    env_log[0] = 0;
    if (choose(4) == 0)
        env_tlb_fill(env_cpu);
    if (ops_verbose)
        fprintf(stderr, "op %u\n", *at % (unsigned)ARRAY_LEN(ops));
    ops[choose(ARRAY_LEN(ops))]();
    if (!model_agrees() || env_tlb_wrong() || env_audit())
        abort();
}

void ops_end(void)
{
    model.nr_written = 0;
    for (unsigned i = 0; i < HELD; i++)
        drop_held(&held[i]);
    for (unsigned d = 1; d <= DOMAINS; d++)
        end_domain(d);
    if (env_reap() || frames_free_count() != free_at_start) {
        fprintf(stderr, "%lu frames were lost\n", free_at_start - frames_free_count());
        abort();
    }
}
