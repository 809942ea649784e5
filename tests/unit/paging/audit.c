#include "audit.h"
#include "core/log.h"
#include "lib/string.h"
#include "paging/area.h"
#include "paging/type.h"

#define FINDING(a, ...)                  \
    do {                                 \
        (a)->findings++;                 \
        log_line("audit: " __VA_ARGS__); \
    } while (0)

void audit_note(struct audit *a, mfn_t m, bool use)
{
    if (!frame_exists(m)) {
        FINDING(a, "something refers to mfn %#lx, which does not exist", m.n);
        return;
    }
    a->count[m.n].refs++;
    a->count[m.n].uses += use;
}

/* A reference from d with a use as that type. */
static void note_use(struct audit *a, const struct domain *d, mfn_t m, enum frame_type type,
                     const char *who)
{
    const struct frame *f = frame_at(m);

    audit_note(a, m, true);
    if (frame_exists(m) && (TYPE_OF(f->type) != type || frame_owner(f) != d))
        FINDING(a, "%s uses mfn %#lx as type %u, but that has type %u and owner %u", who, m.n, type,
                TYPE_OF(f->type), f->owner);
}

static void walk_l1(struct audit *a, const struct domain *d, mfn_t table)
{
    const uint64_t *entry = frame_bytes(table);

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        uint64_t pte = entry[i];
        const struct frame *f = frame_at(pte_frame(pte));

        if (!(pte & PTE_PRESENT))
            continue;
        audit_note(a, pte_frame(pte), pte & PTE_RW);
        if (!frame_exists(pte_frame(pte)))
            continue;
        if ((pte & ~(PTE_ALLOWED_L1 | PTE_FRAME)) || pte != pte_adjust_l1(pte))
            FINDING(a, "L1[%u] of mfn %#lx = %#lx: bad flags", i, table.n, pte);
        if ((pte & PTE_RW) && TYPE_OF(f->type) != TYPE_WRITABLE)
            FINDING(a, "L1[%u] of mfn %#lx maps mfn %#lx of type %u writable", i, table.n,
                    pte_frame(pte).n, TYPE_OF(f->type));
        if (!f->owner && !(f->state & STATE_SHARED))
            FINDING(a, "L1[%u] of mfn %#lx (domain %u) maps mfn %#lx of nobody", i, table.n, d->id,
                    pte_frame(pte).n);
    }
}

static void walk_upper(struct audit *a, const struct domain *d, mfn_t table, enum frame_type type)
{
    const uint64_t *entry = frame_bytes(table);

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        uint64_t pte = entry[i];

        if (type == TYPE_L4 && i >= L4_SLOT_FIRST_RESERVED && i <= L4_SLOT_LAST_RESERVED) {
            uint64_t want = i == L4_SLOT_DOMAIN ? d->arch.paging.area_entry : paging_l4_template[i];

            if (pte != want && !(i == L4_SLOT_M2P && pte == 0))
                FINDING(a, "L4[%u] of mfn %#lx = %#lx, not the hypervisor's %#lx", i, table.n, pte,
                        want);
        } else if (pte & PTE_PRESENT) {
            if ((pte & ~(PTE_ALLOWED | PTE_FRAME)) || !(pte & PTE_USER))
                FINDING(a, "L%u[%u] of mfn %#lx = %#lx: bad flags", type, i, table.n, pte);
            if (!names_itself(table, type, pte))
                note_use(a, d, pte_frame(pte), type - 1, "a page table");
            else if (i != L4_SLOT_LINEAR || (pte & PTE_RW) || !(d->privileges & PRIV_LINEAR_TABLES))
                FINDING(a, "L4[%u] of mfn %#lx = %#lx names itself", i, table.n, pte);
        }
    }
}

static void walk_descriptors(struct audit *a, mfn_t m)
{
    const uint64_t *descriptor = frame_bytes(m);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*descriptor); i++) {
        uint64_t value = descriptor[i];

        if (!descriptor_check(&value) || value != descriptor[i])
            FINDING(a, "descriptor %u of mfn %#lx = %#lx is not for guests", i, m.n, value);
    }
}

static void walk_frame(struct audit *a, mfn_t m)
{
    const struct frame *f = frame_at(m);
    const struct domain *d = frame_owner(f);
    enum frame_type type = TYPE_OF(f->type);

    if (f->state & STATE_ALLOCATED)
        audit_note(a, m, false);
    if ((f->state & STATE_SHARED) && d)
        audit_note(a, m, true);
    if (f->type & TYPE_PINNED)
        audit_note(a, m, true);
    if (USES_OF(f->type) == 0 || !d)
        return;
    if (type == TYPE_L1)
        walk_l1(a, d, m);
    else if (type >= TYPE_L2 && type <= TYPE_L4)
        walk_upper(a, d, m, type);
    else if (type == TYPE_DESCRIPTOR)
        walk_descriptors(a, m);
    else if (type == TYPE_NONE && !(f->state & STATE_SHARED))
        FINDING(a, "mfn %#lx has uses of no type", m.n);
}

static void walk_vcpu(struct audit *a, const struct vcpu *v)
{
    const struct paging_vcpu *p = &v->arch.paging;

    if (!mfn_equal(p->kernel_l4, INVALID_MFN))
        note_use(a, v->domain, p->kernel_l4, TYPE_L4, "a vCPU");
    if (!mfn_equal(p->user_l4, INVALID_MFN))
        note_use(a, v->domain, p->user_l4, TYPE_L4, "a vCPU");
    for (unsigned i = 0; i < AREA_PAGES_PER_VCPU; i++) {
        bool guests = i < FIRST_RESERVED_GDT_PAGE || i >= AREA_GDT_PAGES;

        if (guests && (p->area[i] & PTE_PRESENT) && (p->area[i] & PTE_RW))
            note_use(a, v->domain, pte_frame(p->area[i]), TYPE_DESCRIPTOR, "a descriptor table");
    }
}

static void walk_domain(struct audit *a, const struct domain *d)
{
    const struct paging_domain *p = &d->arch.paging;
    uint64_t owned = 0, listed = 0;

    for (unsigned i = 0; i < MAX_VCPUS; i++)
        if (d->vcpu[i] && d->vcpu[i]->arch.paging.area)
            walk_vcpu(a, d->vcpu[i]);
    for (uint64_t n = 1; n < frames_max; n++)
        owned += frame_owner(frame_at(mfn(n))) == d && !(frame_at(mfn(n))->state & STATE_SHARED);
    for (uint32_t n = p->first; n && listed <= owned; n = frame_at(mfn(n))->next)
        listed += frame_owner(frame_at(mfn(n))) == d;
    if (owned != p->frames || owned != d->pages || (listed != owned && !d->dying))
        FINDING(a, "%s owns %lu frames: counted %lu, as pages %lu, on its list %lu", d->name, owned,
                p->frames, d->pages, listed);
}

static void compare(struct audit *a, mfn_t m)
{
    const struct frame *f = frame_at(m);
    const struct audit_count *found = &a->count[m.n];

    if (f->refs != found->refs || USES_OF(f->type) != found->uses)
        FINDING(a, "mfn %#lx (type %u, owner %u) has %u references, %u uses; found %u and %u", m.n,
                TYPE_OF(f->type), f->owner, f->refs, (unsigned)USES_OF(f->type), found->refs,
                found->uses);
    if (f->refs == 0 && (f->owner || f->type))
        FINDING(a, "mfn %#lx has no reference, but owner %u and type word %#lx", m.n, f->owner,
                f->type);
}

unsigned paging_audit(struct audit *a)
{
    uint64_t free = 0;

    memset(a->count, 0, frames_max * sizeof(*a->count));
    a->findings = 0;
    for (uint64_t n = 1; n < frames_max; n++)
        walk_frame(a, mfn(n));
    for (unsigned i = 0; i < a->nr_domains; i++)
        walk_domain(a, a->domains[i]);
    if (a->held)
        a->held(a);
    for (uint64_t n = 1; n < frames_max; n++) {
        compare(a, mfn(n));
        if (frame_at(mfn(n))->state & STATE_FREE)
            free += 1ul << (frame_at(mfn(n))->state & STATE_ORDER);
    }
    if (free != frames_free_count())
        FINDING(a, "%lu frames are free, %lu counted", free, frames_free_count());
    return a->findings;
}
