/* Operations on page tables. */
#include "choose.h"
#include "core/hypercall.h"
#include "paging/paging.h"
#include "paging/type.h"

void op_mmu_update(void)
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
        if (*at % 16 == 1) { /* a table that names itself, mostly where it may */
            slot = *at & 128 ? 255 : slot;
            req[i].val = frame << PAGE_SHIFT | (*at & 64 ? PTE_PRESENT : PTE_PRESENT | PTE_RW);
        }
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

void op_va_mapping(void)
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

void op_mmuext(void)
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

/* A write to a table that is mapped read-only, which traps and is emulated. */
void op_direct_write(void)
{
    uint64_t va = choose_va(), value = choose_entry(), in, slot, mapping = 0, table, index;
    bool stale = choose(4) == 0, found;
    uint64_t *entry;
    long want;

    va += choose_slot() * 8;
    if (model_walk(mv()->kernel, va, &in, &slot))
        mapping = model_read(in, slot);
    table = (mapping & PTE_FRAME) >> PAGE_SHIFT;
    index = va % PAGE_SIZE / 8;
    found = (mapping & (PTE_PRESENT | PTE_RW)) == PTE_PRESENT && is_own(table, me()->id) &&
            model.f[table].uses && model.f[table].type == TYPE_L1;
    entry = paging_lock_entry(env_current, va);
    expect("entry found", entry != NULL, found);
    if (!found)
        return;
    expect("its table", (long)bytes_frame(entry).n, (long)table);
    expect("its index", (uintptr_t)entry / 8 % 512, (long)index);
    if (stale) {
        value &= ~PTE_PRESENT;
        want = -XEN_EAGAIN;
    } else {
        want = model_update(me()->id, me()->id, table, index, value, false);
    }
    expect("emulated write", paging_write_entry(env_current, entry, *entry ^ stale, value), want);
    paging_unlock(env_current->domain);
}

/* The guest writes where it has a writable mapping, or had one until now. */
void op_guest_write(void)
{
    unsigned b = *at++, d = me()->id;
    uint64_t frame = page[d][b % MAX_PAGES], entry, slot = choose_slot();

    entry = choose_entry();
    /* Mostly what makes sense: pages 4 n + 1 as L1 tables, + 2 as L2 tables, and so on. */
    if (b < 180 && b % 4 > 0)
        entry = page[d][(*at++ % 10) * 4 + b % 4 - 1] << PAGE_SHIFT | PTE_PRESENT |
                (b & 16 ? PTE_RW : 0);
    if (*at % 16 == 1) {
        slot = 255;
        entry = frame << PAGE_SHIFT | PTE_PRESENT;
    }
    if (*at++ < 40)
        entry = 0;
    if (is_own(frame, d) && can_write(frame))
        ((uint64_t *)frame_bytes(mfn(frame)))[slot] = entry;
}
