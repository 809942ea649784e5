#include "model.h"

#include <stdio.h>
#include <string.h>

#define ALL_ONES  (PTE_FRAME >> PAGE_SHIFT)
#define FORBID_L1 (PTE_PWT | PTE_PCD | PTE_PSE | PTE_GRANT)
#define FORBID    (PTE_PWT | PTE_PCD | PTE_PSE | PTE_GLOBAL)

struct model model;

static uint64_t frame_of(uint64_t entry)
{
    return (entry & PTE_FRAME) >> PAGE_SHIFT;
}

static bool reserved(unsigned level, uint64_t slot)
{
    return level == 4 && slot >= 256 && slot <= 271;
}

uint64_t model_read(uint64_t frame, uint64_t slot)
{
    for (unsigned i = model.nr_written; i-- > 0;)
        if (model.written[i].frame == frame && model.written[i].slot == slot)
            return model.written[i].value;
    return ((uint64_t *)frame_bytes(mfn(frame)))[slot];
}

void model_write(uint64_t frame, uint64_t slot, uint64_t value)
{
    model.written[model.nr_written].frame = frame;
    model.written[model.nr_written].slot = slot;
    model.written[model.nr_written++].value = value;
}

bool model_ref(uint64_t frame, unsigned owner)
{
    if (frame >= ENV_FRAMES || model.f[frame].refs == 0 || model.f[frame].owner != owner)
        return false;
    model.f[frame].refs++;
    return true;
}

void model_unref(uint64_t frame)
{
    if (--model.f[frame].refs == 0)
        memset(&model.f[frame], 0, sizeof(model.f[frame]));
}

bool model_use_writable(uint64_t frame)
{
    struct model_frame *f = &model.f[frame];

    if (f->uses && f->type != TYPE_WRITABLE)
        return false;
    f->type = TYPE_WRITABLE;
    f->uses++;
    return true;
}

void model_unuse(uint64_t frame)
{
    model.f[frame].uses--;
}

bool model_descriptor_ok(uint64_t value)
{
    bool present = value >> 47 & 1, code_or_data = value >> 44 & 1;

    return !present || code_or_data || (value >> 40 & 15) == 0;
}

/* --- L1 entries --- */

static int get_entry(uint64_t entry, unsigned from)
{
    uint64_t frame = frame_of(entry);

    if (frame >= ENV_FRAMES)
        return frame == ALL_ONES ? -XEN_EINVAL : -XEN_EPERM;
    if (!model_ref(frame, from))
        return -XEN_EBUSY;
    if ((entry & PTE_RW) && !model_use_writable(frame)) {
        model_unref(frame);
        return -XEN_EBUSY;
    }
    return 0;
}

void model_put_entry(uint64_t entry)
{
    if (!(entry & PTE_PRESENT))
        return;
    if (entry & PTE_RW)
        model_unuse(frame_of(entry));
    model_unref(frame_of(entry));
}

/* --- tables: recursion, and a copy to go back to --- */

static bool is_itself(uint64_t frame, unsigned level, uint64_t entry)
{
    return level == 4 && frame_of(entry) == frame;
}

static bool may_name_itself(unsigned d, uint64_t frame, unsigned level, uint64_t slot,
                            uint64_t entry)
{
    return is_itself(frame, level, entry) && slot == 255 && !(entry & PTE_RW) &&
           (env_domain[d]->privileges & PRIV_LINEAR_TABLES);
}

static int get(unsigned d, uint64_t frame, enum frame_type type);

static int promote(unsigned d, uint64_t frame, enum frame_type type)
{
    for (uint64_t i = 0; i < 512; i++) {
        uint64_t entry = model_read(frame, i);
        int rc = 0;

        if (type == TYPE_DESCRIPTOR)
            rc = model_descriptor_ok(entry) ? 0 : -XEN_EINVAL;
        else if (!(entry & PTE_PRESENT) || reserved(type, i))
            continue;
        else if (entry & (type == TYPE_L1 ? FORBID_L1 : FORBID))
            rc = -XEN_EINVAL;
        else if (type == TYPE_L1)
            rc = get_entry(entry, d);
        else if (!may_name_itself(d, frame, type, i, entry))
            rc = get(d, frame_of(entry), type - 1);
        if (rc)
            return rc;
    }
    return 0;
}

static int get(unsigned d, uint64_t frame, enum frame_type type)
{
    struct model_frame *f = &model.f[frame % ENV_FRAMES];

    if (!model_ref(frame, d))
        return -XEN_EINVAL;
    if (f->uses && f->type != type)
        return -XEN_EINVAL;
    f->type = type;
    if (f->uses++)
        return 0;
    return promote(d, frame, type);
}

int model_table_get(unsigned d, uint64_t frame, enum frame_type type)
{
    static struct model_frame saved[ENV_FRAMES];
    int rc;

    memcpy(saved, model.f, sizeof(saved));
    rc = get(d, frame, type);
    if (rc)
        memcpy(model.f, saved, sizeof(saved));
    return rc;
}

void model_table_put(uint64_t frame)
{
    struct model_frame *f = &model.f[frame];

    if (f->uses == 1 && f->type != TYPE_DESCRIPTOR)
        for (uint64_t i = 0; i < 512; i++) {
            uint64_t entry = model_read(frame, i);

            if (!(entry & PTE_PRESENT) || reserved(f->type, i))
                continue;
            if (f->type == TYPE_L1)
                model_put_entry(entry);
            else if (!is_itself(frame, f->type, entry))
                model_table_put(frame_of(entry));
        }
    f->uses--;
    model_unref(frame);
}

int model_pin(unsigned d, uint64_t frame, enum frame_type type)
{
    int rc = model_table_get(d, frame, type);

    if (rc)
        return rc;
    if (model.f[frame].pinned) {
        model_table_put(frame);
        return -XEN_EINVAL;
    }
    model.f[frame].pinned = true;
    return 0;
}

int model_unpin(unsigned d, uint64_t frame)
{
    if (frame >= ENV_FRAMES || model.f[frame].owner != d || !model.f[frame].pinned)
        return -XEN_EINVAL;
    model.f[frame].pinned = false;
    model_table_put(frame);
    return 0;
}

/* --- updates --- */

static uint64_t adjusted(unsigned level, uint64_t value)
{
    if (!(value & PTE_PRESENT))
        return value;
    if (level > 1)
        return value | PTE_USER;
    if (!(value & PTE_USER))
        return value | PTE_USER | PTE_GUEST_KERNEL;
    return value & PTE_GUEST_KERNEL ? value : value | PTE_GLOBAL;
}

static int update_table(unsigned tables, unsigned from, uint64_t frame, uint64_t slot,
                        uint64_t value, bool preserve_ad)
{
    unsigned level = model.f[frame].type;
    uint64_t old = model_read(frame, slot), kept = preserve_ad ? old & 0x60 : 0;
    uint64_t means = PTE_FRAME | PTE_PRESENT | (level == 1 ? PTE_RW : 0);
    bool same;
    int rc = 0;

    if (level > 1 && (from != tables || reserved(level, slot)))
        return -XEN_EINVAL;
    same = (value & PTE_PRESENT) && !((old ^ value) & means) && !is_itself(frame, level, value);
    if ((value & PTE_PRESENT) && (value & (level == 1 ? FORBID_L1 : FORBID)))
        return -XEN_EINVAL;
    if ((value & PTE_PRESENT) && !same)
        rc = level == 1 ? get_entry(value, from)
             : may_name_itself(tables, frame, level, slot, value)
                 ? 0
                 : model_table_get(tables, frame_of(value), level - 1);
    if (rc)
        return rc;
    model_write(frame, slot, adjusted(level, value) | kept);
    if (same || !(old & PTE_PRESENT))
        return 0;
    if (level == 1)
        model_put_entry(old);
    else if (!is_itself(frame, level, old))
        model_table_put(frame_of(old));
    return 0;
}

int model_update(unsigned tables, unsigned from, uint64_t frame, uint64_t slot, uint64_t value,
                 bool preserve_ad)
{
    const struct model_frame *f = &model.f[frame % ENV_FRAMES];

    if (frame >= ENV_FRAMES || f->owner != tables)
        return -XEN_EINVAL;
    if (f->uses && f->type >= TYPE_L1 && f->type <= TYPE_L4)
        return update_table(tables, from, frame, slot, value, preserve_ad);
    if (f->uses && f->type != TYPE_WRITABLE)
        return -XEN_EINVAL;
    model_write(frame, slot, value);
    return 0;
}

bool model_walk(uint64_t l4, uint64_t va, uint64_t *frame, uint64_t *slot)
{
    uint64_t t = l4;

    if ((va >> 47 != 0 && va >> 47 != 0x1ffff) || reserved(4, va >> 39 & 511) || l4 == MODEL_NONE)
        return false;
    for (unsigned shift = 39; shift > 12; shift -= 9) {
        uint64_t entry = model_read(t, va >> shift & 511);

        if (!(entry & PTE_PRESENT) || (shift == 39 && is_itself(l4, 4, entry)))
            return false;
        t = frame_of(entry);
    }
    *frame = t;
    *slot = va >> 12 & 511;
    return true;
}

/* --- vCPUs and domains --- */

int model_new_table(unsigned d, struct model_vcpu *v, uint64_t frame, bool user)
{
    uint64_t *mine = user ? &v->user : &v->kernel, old = *mine;
    int rc = 0;

    if (user && frame == 0)
        frame = MODEL_NONE;
    if (frame == old)
        return 0;
    if (frame != MODEL_NONE)
        rc = model_table_get(d, frame, TYPE_L4);
    if (rc)
        return rc;
    *mine = frame;
    if (!user)
        model_ldt_unmap(v);
    if (old != MODEL_NONE)
        model_table_put(old);
    return 0;
}

int model_set_gdt(unsigned d, struct model_vcpu *v, const uint64_t *frames, unsigned pages)
{
    static struct model_frame saved[ENV_FRAMES];

    memcpy(saved, model.f, sizeof(saved));
    for (unsigned i = 0; i < pages; i++)
        if (get(d, frames[i], TYPE_DESCRIPTOR)) {
            memcpy(model.f, saved, sizeof(saved));
            return -XEN_EINVAL;
        }
    for (unsigned i = 0; i < FIRST_RESERVED_GDT_PAGE; i++) {
        if (v->gdt[i] != MODEL_NONE)
            model_table_put(v->gdt[i]);
        v->gdt[i] = i < pages ? frames[i] : MODEL_NONE;
    }
    return 0;
}

void model_ldt_unmap(struct model_vcpu *v)
{
    for (unsigned i = 0; i < 16; i++) {
        if (v->ldt[i] != MODEL_NONE)
            model_table_put(v->ldt[i]);
        v->ldt[i] = MODEL_NONE;
    }
}

void model_destroy(unsigned d)
{
    for (unsigned i = 0; i < MODEL_VCPUS; i++) {
        struct model_vcpu *v = &model.v[d][i];

        model_set_gdt(d, v, NULL, 0);
        model_ldt_unmap(v);
        if (v->kernel != MODEL_NONE)
            model_table_put(v->kernel);
        if (v->user != MODEL_NONE)
            model_table_put(v->user);
        v->kernel = v->user = MODEL_NONE;
    }
    for (uint64_t n = 1; n < ENV_FRAMES; n++) {
        struct model_frame *f = &model.f[n];

        if (f->owner != d || f->shared)
            continue;
        if (f->pinned) {
            f->pinned = false;
            model_table_put(n);
        }
        if (f->owner == d && f->allocated) {
            f->allocated = false;
            model_unref(n);
        }
    }
    /* What others still map belongs to a ghost. */
    for (uint64_t n = 1; n < ENV_FRAMES; n++)
        if (model.f[n].owner == d)
            model.f[n].owner = 0xff;
}

void model_adopt(unsigned d)
{
    for (uint64_t n = 1; n < ENV_FRAMES; n++) {
        const struct frame *f = frame_at(mfn(n));

        if (frame_owner(f) != env_domain[d] || !f->owner)
            continue;
        model.f[n] = (struct model_frame){
            .refs = f->refs,
            .uses = (uint32_t)USES_OF(f->type),
            .owner = (uint8_t)d,
            .type = TYPE_OF(f->type),
            .pinned = f->type & TYPE_PINNED,
            .allocated = f->state & FRAME_ALLOCATED,
            .shared = f->state & FRAME_SHARED,
        };
    }
    for (unsigned i = 0; i < MODEL_VCPUS; i++) {
        struct model_vcpu *v = &model.v[d][i];

        memset(v, 0xff, sizeof(*v));
        v->ldt_base = v->ldt_entries = 0;
        v->kernel = env_domain[d]->vcpu[i]->arch.paging.kernel_l4.n;
    }
}

bool model_agrees(void)
{
    for (uint64_t n = 1; n < ENV_FRAMES; n++) {
        const struct frame *f = frame_at(mfn(n));
        const struct model_frame *m = &model.f[n];
        const struct domain *d = frame_owner(f);
        unsigned owner = !d ? 0 : d->dying ? 0xff : d->id;

        if (f->refs == m->refs && USES_OF(f->type) == m->uses &&
            (m->uses == 0 || TYPE_OF(f->type) == m->type) && owner == m->owner &&
            !!(f->type & TYPE_PINNED) == m->pinned)
            continue;
        fprintf(stderr,
                "mfn %#lx: owner %u, %u references, %lu uses as type %u%s; expected owner %u, %u "
                "references, %u uses as type %u%s\n",
                n, owner, f->refs, USES_OF(f->type), TYPE_OF(f->type),
                f->type & TYPE_PINNED ? " pinned" : "", m->owner, m->refs, m->uses, m->type,
                m->pinned ? " pinned" : "");
        return false;
    }
    for (unsigned i = 0; i < model.nr_written; i++) {
        uint64_t frame = model.written[i].frame, slot = model.written[i].slot;
        uint64_t is = ((uint64_t *)frame_bytes(mfn(frame)))[slot], want = model_read(frame, slot);

        /* A later part of the same operation may have made it a table, with its adjustments. */
        if (model.f[frame].refs == 0 ||
            ((is ^ want) & ~(PTE_USER | PTE_GLOBAL | PTE_GUEST_KERNEL)) == 0)
            continue;
        fprintf(stderr, "mfn %#lx[%lu] = %#lx, expected %#lx\n", frame, slot, is, want);
        return false;
    }
    return true;
}
