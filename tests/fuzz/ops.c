#include "ops.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/xen.h"
#include "core/memory.h"
#include "model.h"
#include "paging/hypercalls.h"

#define DOMAINS   3
#define PAGES     32 /* of a domain at first */
#define MAX_PAGES 40
#define VA        0x400000ul
#define AT_L1     28 /* the first tables are pages 28 .. 31 */

int ops_verbose;

static const uint8_t *at;                     /* the record's next byte */
static uint64_t page[DOMAINS + 1][MAX_PAGES]; /* frame numbers that the domain has or had */
static struct vcpu *on_cpu[ENV_CPUS];
static struct {
    uint64_t frame;
    bool writable, used;
} held[8]; /* references from outside, as grants hold them */
static uint64_t free_at_start;

static struct domain *me(void)
{
    return env_current->domain;
}

static struct model_vcpu *mv(void)
{
    return &model.v[me()->id][env_current->id];
}

static void expect(const char *what, long got, long want)
{
    if (ops_verbose)
        fprintf(stderr, "  %s by d%u: %ld\n", what, me()->id, got);
    if (got == want)
        return;
    fprintf(stderr, "%s by domain %u: got %ld, expected %ld; log: %s\n", what, me()->id, got, want,
            env_log);
    abort();
}

/* --- choices --- */

static unsigned choose(unsigned n)
{
    return *at++ % n;
}

static unsigned other_domain(unsigned d)
{
    return d % DOMAINS + 1;
}

static uint64_t choose_frame(void)
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

static uint64_t choose_slot(void)
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

static uint64_t choose_entry(void)
{
    uint64_t frame = choose_frame();

    return frame << PAGE_SHIFT | choose_flags();
}

static uint64_t choose_va(void)
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

/* DOMID_SELF mostly; the answer that comes of it, and the domain. */
static uint16_t choose_foreign(unsigned *d, long *rc)
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

/* --- operations --- */

static void op_mmu_update(void)
{
    struct mmu_update req[3];
    uint32_t count = 1 + choose(3), done = 99, want_done = 0;
    unsigned tables = me()->id, from;
    long want;
    uint32_t foreign = choose_foreign(&from, &want);
    bool count_wanted = choose(4);

    if (*at++ > 240) {
        bool may = me()->privileges & PRIV_FOREIGN_MAP;

        tables = other_domain(tables);
        foreign |= (tables + 1) << 16;
        want = may ? want : -XEN_EPERM;
    }
    for (unsigned i = 0; i < count; i++) {
        uint64_t frame, slot;
        unsigned cmd = *at++;

        cmd = cmd < 180 ? 0 : cmd % 8;
        frame = choose_frame();
        slot = choose_slot();
        req[i].val = choose_entry();
        req[i].ptr = frame << PAGE_SHIFT | slot * 8 | cmd;
    }
    for (unsigned i = 0; want == 0 && i < count; i++) {
        uint64_t frame = req[i].ptr >> PAGE_SHIFT, slot = req[i].ptr / 8 % 512;
        unsigned cmd = req[i].ptr % 8;

        if (cmd == MMU_MACHPHYS_UPDATE && tables != me()->id)
            want = -XEN_EPERM;
        else if (cmd == MMU_MACHPHYS_UPDATE)
            want = frame < ENV_FRAMES && model.f[frame].refs && model.f[frame].owner == from
                       ? 0
                       : -XEN_EINVAL;
        else if (cmd > 3)
            want = -XEN_ENOSYS;
        else
            want = model_update(tables, from, frame, slot, req[i].val,
                                cmd == MMU_PT_UPDATE_PRESERVE_AD);
        want_done += want == 0;
    }
    expect("mmu_update",
           do_mmu_update(gp(req), count, count_wanted ? gp(&done) : guest_ptr(0), foreign), want);
    if (count_wanted)
        expect("mmu_update's count", done, want_done);
}

static void op_va_mapping(void)
{
    static const uint64_t flags[] = {0,
                                     UVMF_TLB_FLUSH | UVMF_LOCAL,
                                     UVMF_TLB_FLUSH | UVMF_ALL,
                                     UVMF_INVLPG | UVMF_LOCAL,
                                     UVMF_INVLPG | UVMF_ALL,
                                     3};
    uint64_t va = choose_va(), value = choose_entry(), flag = flags[choose(ARRAY_LEN(flags))];
    uint64_t frame, slot;
    unsigned from;
    long want;
    uint16_t foreign = choose_foreign(&from, &want);

    if (want == 0 && !model_walk(mv()->kernel, va, &frame, &slot))
        want = -XEN_EINVAL;
    else if (want == 0)
        want = model_update(me()->id, from, frame, slot, value, false);
    if (foreign == DOMID_SELF)
        expect("update_va_mapping", do_update_va_mapping(va, value, flag), want);
    else
        expect("update_va_mapping_otherdomain",
               do_update_va_mapping_otherdomain(va, value, flag, foreign), want);
}

static bool is_own(uint64_t frame, unsigned d)
{
    return frame < ENV_FRAMES && model.f[frame].refs && model.f[frame].owner == d;
}

static bool can_write(uint64_t frame)
{
    return model.f[frame].uses == 0 || model.f[frame].type == TYPE_WRITABLE;
}

static long want_page_op(const struct mmuext_op *op, unsigned from)
{
    uint64_t to = op->arg1.mfn, src = op->arg2.src_mfn;

    if (!is_own(to, from) || !can_write(to) || (op->cmd == MMUEXT_COPY_PAGE && !is_own(src, from)))
        return -XEN_EINVAL;
    return 0;
}

static long want_ldt(uint64_t va, uint32_t entries)
{
    struct model_vcpu *v = mv();

    if (entries == 0)
        va = 0;
    if (entries > 8192 || va % PAGE_SIZE || (va >> 47 != 0 && va >> 47 != 0x1ffff) ||
        (va >= RESERVED_START && va < RESERVED_END))
        return -XEN_EINVAL;
    if (va != v->ldt_base || entries != v->ldt_entries)
        model_ldt_unmap(v);
    v->ldt_base = va;
    v->ldt_entries = entries;
    return 0;
}

static long want_mmuext(const struct mmuext_op *op, unsigned from)
{
    uint64_t frame = op->arg1.mfn;

    switch (op->cmd) {
    case MMUEXT_PIN_L1_TABLE:
    case MMUEXT_PIN_L2_TABLE:
    case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE:
        return model_pin(from, frame, TYPE_L1 + op->cmd - MMUEXT_PIN_L1_TABLE);
    case MMUEXT_UNPIN_TABLE:
        return model_unpin(from, frame);
    case MMUEXT_CLEAR_PAGE:
    case MMUEXT_COPY_PAGE:
        return want_page_op(op, from);
    case MMUEXT_MARK_SUPER:
    case MMUEXT_UNMARK_SUPER:
        return -XEN_EOPNOTSUPP;
    default:
        break;
    }
    if (op->cmd >= 64)
        return -XEN_ENOSYS;
    if (from != me()->id)
        return -XEN_EPERM;
    switch (op->cmd) {
    case MMUEXT_NEW_BASEPTR:
    case MMUEXT_NEW_USER_BASEPTR:
        return model_new_table(from, mv(), frame, op->cmd == MMUEXT_NEW_USER_BASEPTR);
    case MMUEXT_TLB_FLUSH_LOCAL:
    case MMUEXT_INVLPG_LOCAL:
    case MMUEXT_TLB_FLUSH_ALL:
    case MMUEXT_INVLPG_ALL:
        return 0;
    case MMUEXT_TLB_FLUSH_MULTI:
    case MMUEXT_INVLPG_MULTI:
        return op->arg2.vcpumask.addr < PAGE_SIZE ? -XEN_EINVAL : 0;
    case MMUEXT_FLUSH_CACHE:
    case MMUEXT_FLUSH_CACHE_GLOBAL:
        return -XEN_EACCES;
    case MMUEXT_SET_LDT:
        return want_ldt(op->arg1.linear_addr, op->arg2.nr_ents);
    default:
        return -XEN_ENOSYS;
    }
}

static void op_mmuext(void)
{
    static const uint8_t usual[] = {0, 0, 1, 1, 2, 3, 4, 4, 4, 5, 15, 15, 13, 10};
    struct mmuext_op op = {0};
    uint64_t vcpus = *at;
    uint32_t done = 99;
    unsigned from, b = *at++;
    long want;
    uint16_t foreign = choose_foreign(&from, &want);
    bool count_wanted = choose(2);

    op.cmd = b < 220 ? usual[b % ARRAY_LEN(usual)] : b < 254 ? b % 21 : b;
    op.arg1.mfn = choose_frame();
    op.arg2.src_mfn = choose_frame();
    if (op.cmd == MMUEXT_SET_LDT) {
        op.arg1.linear_addr = choose_va() + (*at % 16 == 0);
        op.arg2.nr_ents = (uint32_t)(*at++ * 33);
    } else if (op.cmd == MMUEXT_TLB_FLUSH_MULTI || op.cmd == MMUEXT_INVLPG_MULTI) {
        op.arg2.vcpumask = choose(4) ? gp(&vcpus) : guest_ptr(8);
    }
    if (want == 0)
        want = want_mmuext(&op, from);
    expect("mmuext_op", do_mmuext_op(gp(&op), 1, count_wanted ? gp(&done) : guest_ptr(0), foreign),
           want);
    if (count_wanted)
        expect("mmuext_op's count", done, want == 0);
}

static void op_descriptors(void)
{
    static const uint64_t values[] = {0,
                                      0x00affa000000fffful,
                                      0x00cf92000000fffful,
                                      0x0000890000000067ul,
                                      0x0000ec0000080000ul,
                                      0x0000800000000000ul,
                                      0x0000020000000000ul};
    uint64_t frames[FIRST_RESERVED_GDT_PAGE], frame, slot, value, va;
    static const uint32_t counts[] = {0, 1, 512, 513, 1024, FIRST_RESERVED_GDT_ENTRY + 1};
    unsigned kind = choose(3), entries, pages;
    long want;

    if (kind == 0) {
        entries = counts[choose(ARRAY_LEN(counts))];
        pages = (entries + 511) / 512;
        frames[0] = choose_frame();
        frames[1] = choose_frame();
        want = entries > FIRST_RESERVED_GDT_ENTRY ? -XEN_EINVAL
                                                  : model_set_gdt(me()->id, mv(), frames, pages);
        expect("set_gdt", do_set_gdt(gp(frames), entries), want);
    } else if (kind == 1) {
        frame = choose_frame();
        slot = choose_slot();
        value = values[choose(ARRAY_LEN(values))];
        want = -XEN_EINVAL;
        if (model_descriptor_ok(value) && is_own(frame, me()->id) &&
            (can_write(frame) || model.f[frame].type == TYPE_DESCRIPTOR)) {
            want = 0;
            if ((value >> 44 & 1) && (value >> 47 & 1))
                value |= 3ul << 45;
            model_write(frame, slot, value);
        }
        expect("update_descriptor", do_update_descriptor(frame << PAGE_SHIFT | slot * 8, value),
               want);
    } else {
        struct model_vcpu *v = mv();
        unsigned n = choose(3), i = choose(2);
        uint64_t entry = 0;

        va = v->ldt_base + n * PAGE_SIZE;
        want = n * 512 < v->ldt_entries;
        if (want && model_walk(v->kernel, va, &frame, &slot))
            entry = model_read(frame, slot);
        if (want && v->ldt[n] == MODEL_NONE) {
            want = (entry & PTE_PRESENT) &&
                   model_table_get(me()->id, (entry & PTE_FRAME) >> 12, TYPE_DESCRIPTOR) == 0;
            if (want)
                v->ldt[n] = (entry & PTE_FRAME) >> 12;
        }
        expect("LDT fault", paging_ldt_fault(n * PAGE_SIZE + i, &value), want);
    }
}

static void op_memory(void)
{
    uint64_t list[2];
    uint64_t count = 1 + choose(2);
    struct xen_memory_reservation r = {
        .extent_start = gp(list), .nr_extents = count, .domid = DOMID_SELF};
    bool more = choose(2);
    unsigned d = me()->id;
    long want = 0, got;

    list[0] = more ? 1000 : choose_frame();
    list[1] = more ? 1001 : choose_frame();
    if (more) {
        got = do_memory_op(XENMEM_populate_physmap, gp(&r));
        for (long i = 0; i < got; i++) {
            struct model_frame *f = &model.f[list[i]];

            expect("frame given by populate_physmap: references it had", f->refs, 0);
            *f = (struct model_frame){.refs = 1, .owner = (uint8_t)d, .allocated = true};
            for (unsigned j = 0; j < MAX_PAGES; j++)
                if (!is_own(page[d][j], d)) {
                    page[d][j] = list[i];
                    break;
                }
        }
        want = (long)MIN(count, me()->max_pages - (me()->pages - (uint64_t)got));
        expect("populate_physmap", got, want);
        return;
    }
    for (; want < (long)count; want++) {
        uint64_t frame = list[want];

        if (!is_own(frame, d) || !model.f[frame].allocated)
            break;
        model.f[frame].allocated = false;
        model_unref(frame);
    }
    expect("decrease_reservation", do_memory_op(XENMEM_decrease_reservation, gp(&r)), want);
}

/* The guest writes where it has a writable mapping, or had one until now. */
static void op_guest_write(void)
{
    unsigned b = *at++, d = me()->id;
    uint64_t frame = page[d][b % MAX_PAGES], entry, slot = choose_slot();

    entry = choose_entry();
    /* Mostly what makes sense: pages 4 n + 1 as L1 tables, + 2 as L2 tables, and so on. */
    if (b < 180 && b % 4 > 0)
        entry = page[d][(*at++ % 10) * 4 + b % 4 - 1] << PAGE_SHIFT | PTE_PRESENT |
                (b & 16 ? PTE_RW : 0);
    if (*at++ < 40)
        entry = 0;
    if (is_own(frame, d) && can_write(frame))
        ((uint64_t *)frame_bytes(mfn(frame)))[slot] = entry;
}

static void hold(uint64_t frame, unsigned owner)
{
    unsigned i = choose(ARRAY_LEN(held));
    bool writable = choose(2), ok;

    if (held[i].used) {
        if (held[i].writable)
            model_unuse(held[i].frame);
        model_unref(held[i].frame);
        arch_frame_put(mfn(held[i].frame), held[i].writable);
        held[i].used = false;
        return;
    }
    ok = is_own(frame, owner) && (!writable || can_write(frame));
    expect("arch_frame_get", arch_frame_get(mfn(frame), env_domain[owner], writable) == 0, ok);
    if (!ok)
        return;
    model_ref(frame, owner);
    if (writable)
        model_use_writable(frame);
    held[i].frame = frame;
    held[i].writable = writable;
    held[i].used = true;
}

static void op_grant(void)
{
    unsigned owner = other_domain(me()->id), kind = choose(4), i;
    uint64_t frame = page[owner][choose(MAX_PAGES)], where = choose_va(), in, slot;
    uint32_t flags = choose(2) ? GNTMAP_readonly : 0;
    bool found;

    if (kind == 0) {
        hold(frame, owner);
        return;
    }
    where = where % PAGE_SIZE + VA + where / PAGE_SIZE % 4 * PAGE_SIZE;
    for (i = 0; i < ARRAY_LEN(held); i++)
        if (held[i].used && !!(flags & GNTMAP_readonly) == !held[i].writable)
            break;
    if (i == ARRAY_LEN(held))
        return;
    frame = held[i].frame;
    found = model_walk(mv()->kernel, where, &in, &slot);
    if (choose(3) == 0) {
        in = choose_frame();
        slot = choose_slot();
        where = in << PAGE_SHIFT | slot * 8;
        flags |= GNTMAP_contains_pte;
        found = is_own(in, me()->id) && model.f[in].uses && model.f[in].type == TYPE_L1;
    }
    if (kind == 1) {
        if (found) {
            uint64_t old = model_read(in, slot);

            model.f[frame].refs++;
            model.f[frame].uses += !(flags & GNTMAP_readonly);
            model_write(in, slot, frame << PAGE_SHIFT | (flags & GNTMAP_readonly ? 1 : 3) | 0x60);
            model_put_entry(old);
        }
        expect("grant map", arch_grant_map(where, mfn(frame), flags),
               found ? 0 : GNTST_general_error);
        env_tlb_fill(env_cpu);
    } else {
        uint64_t old = found ? model_read(in, slot) : 0;
        uint64_t means = PTE_FRAME | PTE_PRESENT | PTE_RW;

        found = found &&
                ((old ^ (frame << PAGE_SHIFT | (flags & GNTMAP_readonly ? 1 : 3))) & means) == 0;
        if (found) {
            model_write(in, slot, 0);
            model_put_entry(old);
        }
        expect("grant unmap", arch_grant_unmap(where, mfn(frame), flags),
               found ? 0 : GNTST_general_error);
    }
}

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
    dom->privileges = d == 1 ? PRIV_FOREIGN_MAP : 0;
    for (unsigned i = 0; i < MAX_PAGES; i++)
        page[d][i] = i < PAGES ? frames_alloc_for_domain(dom, 0).n : 0;
    l1 = frame_bytes(mfn(page[d][AT_L1]));
    for (unsigned i = 0; i < PAGES; i++)
        l1[i] = page[d][i] << PAGE_SHIFT | PTE_PRESENT | (i >= 12 && i < AT_L1 ? PTE_RW : 0);
    for (unsigned i = 1; i < 4; i++)
        ((uint64_t *)frame_bytes(mfn(page[d][AT_L1 + i])))[i == 1 ? 2 : 0] =
            page[d][AT_L1 + i - 1] << PAGE_SHIFT | PTE_PRESENT | PTE_RW;
    if (paging_install_l4(dom->vcpu[0], mfn(page[d][AT_L1 + 3])) ||
        paging_set_kernel_l4(dom->vcpu[1], mfn(page[d][AT_L1 + 3])))
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
            audit_note(a, mfn(held[i].frame), held[i].writable);
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
        op_mmu_update,  op_mmu_update,  op_mmu_update,  op_va_mapping,  op_va_mapping,
        op_mmuext,      op_mmuext,      op_mmuext,      op_mmuext,      op_guest_write,
        op_guest_write, op_guest_write, op_guest_write, op_descriptors, op_memory,
        op_grant,       op_grant,       op_switch,      op_life,
    };
    uint8_t bytes[2 * OP_BYTES];

    memcpy(bytes, record, OP_BYTES);
    memcpy(bytes + OP_BYTES, record, OP_BYTES); /* for those that look further */
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
    for (unsigned i = 0; i < ARRAY_LEN(held); i++)
        if (held[i].used) {
            arch_frame_put(mfn(held[i].frame), held[i].writable);
            if (held[i].writable)
                model_unuse(held[i].frame);
            model_unref(held[i].frame);
            held[i].used = false;
        }
    for (unsigned d = 1; d <= DOMAINS; d++)
        end_domain(d);
    if (env_reap() || frames_free_count() != free_at_start) {
        fprintf(stderr, "%lu frames were lost\n", free_at_start - frames_free_count());
        abort();
    }
}
