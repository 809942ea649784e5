/* The auditor's half that knows what frames, tables and descriptor pages refer to. */
#include "debug/core/audit.h"
#include "core/log.h"
#include "lib/format.h"
#include "paging/type.h"

#define LINES_MAX 20 /* of one audit in the log: where one thing is broken, much follows */

static PRINTF(2, 3) void finding(struct audit *a, const char *fmt, ...)
{
    char *line = a->line[a->findings++ > 0];
    va_list args;

    va_start(args, fmt);
    vformat(line, sizeof(a->line[0]), fmt, args);
    va_end(args);
    if (a->findings <= LINES_MAX)
        log_line("audit: %s", line);
}

static const char *owner_name(const struct frame *f)
{
    return f->owner ? frame_owner(f)->name : "nobody";
}

void arch_audit_note(struct audit *a, mfn_t m, uint32_t refs, uint32_t uses)
{
    if (frame_exists(m)) {
        a->count[m.n].refs += refs;
        a->count[m.n].uses += uses;
    } else {
        finding(a, "something refers to mfn %#lx, which does not exist", m.n);
    }
}

/* Something of d's refers to the frame as one of that type, with a use or without: as a page, which
 * may be another domain's or was lent by one that is gone, or as a table. */
static void refer(struct audit *a, const struct domain *d, mfn_t m, enum frame_type type, bool use)
{
    const struct frame *f = frame_at(m);

    arch_audit_note(a, m, 1, use);
    if (frame_exists(m) &&
        ((use && TYPE_OF(f->type) != type) ||
         (type == TYPE_WRITABLE ? !f->owner && !(f->state & FRAME_SHARED) : frame_owner(f) != d)))
        finding(a, "%s has mfn %#lx as type %u, but that is %s's and has type %u", d->name, m.n,
                type, owner_name(f), TYPE_OF(f->type));
}

/* Notes what entry i of a page of d's refers to. False: it is nothing that a guest may have. */
static bool walk_entry(struct audit *a, const struct domain *d, mfn_t m, enum frame_type type,
                       unsigned i, uint64_t value)
{
    uint64_t checked = value;

    if (type == TYPE_DESCRIPTOR)
        return descriptor_check(&checked) && checked == value;
    if (type == TYPE_L4 && i >= L4_SLOT_FIRST_RESERVED && i <= L4_SLOT_LAST_RESERVED)
        return (i == L4_SLOT_M2P && value == 0) ||
               value == (i == L4_SLOT_DOMAIN ? d->arch.paging.area_entry : paging_l4_template[i]);
    if (!(value & PTE_PRESENT))
        return true;
    if (type == TYPE_L1) {
        refer(a, d, pte_frame(value), TYPE_WRITABLE, value & PTE_RW);
        return !(value & ~(PTE_ALLOWED_L1 | PTE_FRAME)) && value == pte_adjust_l1(value);
    }
    if (names_itself(m, type, value))
        return i == L4_SLOT_LINEAR && !(value & PTE_RW) && (d->privileges & PRIV_LINEAR_TABLES);
    refer(a, d, pte_frame(value), type - 1, true);
    return !(value & ~(PTE_ALLOWED | PTE_FRAME)) && (value & PTE_USER);
}

static void walk_frame(struct audit *a, mfn_t m)
{
    const struct frame *f = frame_at(m);
    const struct domain *d = frame_owner(f);
    const uint64_t *entry = frame_bytes(m);
    enum frame_type type = TYPE_OF(f->type);
    uint32_t uses = (d && (f->state & FRAME_SHARED)) + !!(f->type & TYPE_PINNED);

    arch_audit_note(a, m, uses + !!(f->state & FRAME_ALLOCATED), uses);
    if (!d || USES_OF(f->type) == 0 || type < TYPE_L1 || type > TYPE_DESCRIPTOR)
        return;
    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        if (!walk_entry(a, d, m, type, i, entry[i]))
            finding(a, "entry %u of mfn %#lx, %s's of type %u, is %#lx: not for guests", i, m.n,
                    d->name, type, entry[i]);
}

static void walk_vcpu(struct audit *a, const struct vcpu *v)
{
    const struct paging_vcpu *p = &v->arch.paging;
    const mfn_t l4[] = {p->kernel_l4, p->user_l4};

    for (unsigned i = 0; i < ARRAY_LEN(l4); i++)
        if (!mfn_equal(l4[i], INVALID_MFN))
            refer(a, v->domain, l4[i], TYPE_L4, true);
    for (unsigned i = 0; i < AREA_PAGES_PER_VCPU; i++)
        if (i != FIRST_RESERVED_GDT_PAGE && (p->area[i] & PTE_PRESENT) && (p->area[i] & PTE_RW))
            refer(a, v->domain, pte_frame(p->area[i]), TYPE_DESCRIPTOR, true);
}

void arch_audit_domain(struct audit *a, const struct domain *d)
{
    const struct paging_domain *p = &d->arch.paging;
    uint64_t owned = 0, listed = 0;

    for (unsigned i = 0; i < MAX_VCPUS; i++)
        if (d->vcpu[i] && d->vcpu[i]->arch.paging.area)
            walk_vcpu(a, d->vcpu[i]);
    for (const struct frame *f = frame_at(mfn(1)); f < frame_at(mfn(frames_max)); f++)
        owned += f->owner == owner_number(d) && !(f->state & FRAME_SHARED);
    for (uint32_t n = p->first; n && listed <= owned; n = frame_at(mfn(n))->next)
        listed += frame_owner(frame_at(mfn(n))) == d;
    if (owned != p->frames || owned != d->pages || (listed != owned && !d->dying))
        finding(a, "%s owns %lu frames: counted %lu, as pages %lu, on its list %lu", d->name, owned,
                p->frames, d->pages, listed);
}

static void compare(struct audit *a, mfn_t m)
{
    const struct frame *f = frame_at(m);
    const struct audit_count *found = &a->count[m.n];

    if (f->refs != found->refs || USES_OF(f->type) != found->uses ||
        (f->refs == 0 && (f->owner || f->type)))
        finding(a, "mfn %#lx, %s's (type word %#lx), has %u references, %lu uses: found %u, %u",
                m.n, owner_name(f), f->type, f->refs, USES_OF(f->type), found->refs, found->uses);
}

void arch_audit_frames(struct audit *a)
{
    uint64_t free = 0;

    for (uint64_t n = 1; n < frames_max; n++)
        walk_frame(a, mfn(n));
    for (uint64_t n = 1; n < frames_max; n++) {
        compare(a, mfn(n));
        if (frame_at(mfn(n))->state & FRAME_FREE)
            free += 1ul << (frame_at(mfn(n))->state & FRAME_ORDER);
    }
    if (free != frames_free_count())
        finding(a, "%lu frames are free, %lu counted", free, frames_free_count());
}
