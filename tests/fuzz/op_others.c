/* Operations on descriptor tables, amounts of memory, grants and modes. */
#include "choose.h"
#include "core/hypercall.h"

void op_descriptors(void)
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

void op_memory(void)
{
    uint64_t list[2];
    uint64_t count = 1 + choose(2);
    struct xen_memory_reservation r = {
        .extent_start = gp(list), .nr_extents = count, .domid = DOMID_SELF};
    bool more = choose(2);
    unsigned d = me()->id, cmd = choose(2) ? XENMEM_populate_physmap : XENMEM_increase_reservation;
    long want = 0, got;

    list[0] = more ? 1000 : choose_frame();
    list[1] = more ? 1001 : choose_frame();
    if (more) {
        got = do_memory_op(cmd, gp(&r));
        for (long i = 0; i < got; i++) {
            struct model_frame *f = &model.f[list[i]];

            expect("frame given: references it had", f->refs, 0);
            *f = (struct model_frame){.refs = 1, .owner = (uint8_t)d, .allocated = true};
            for (unsigned j = 0; j < MAX_PAGES; j++)
                if (!is_own(page[d][j], d)) {
                    page[d][j] = list[i];
                    break;
                }
        }
        want = (long)MIN(count, me()->max_pages - (me()->pages - (uint64_t)got));
        expect("populate_physmap or increase_reservation", got, want);
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

static void hold(uint64_t frame, unsigned owner)
{
    unsigned i = choose(ARRAY_LEN(held));
    bool writable = choose(2), ok;

    if (held[i].used) {
        drop_held(&held[i]);
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

void op_grant(void)
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
        arch_grant_flush(); /* before the frame is let go */
    }
}

void op_assist(void)
{
    static const uint8_t types[] = {0, 1, 2, 3, 4, 5, 6, 31, 32, 32, 32, 33, 64, 255};
    unsigned type = types[choose(ARRAY_LEN(types))], cmd = choose(3);
    long want = type > 5 && type != 32 ? -XEN_EINVAL : cmd > 1 ? -XEN_ENOSYS : 0;

    expect("vm_assist", do_vm_assist(cmd, type), want);
}
