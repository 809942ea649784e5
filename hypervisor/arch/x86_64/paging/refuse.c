/* Says why something was refused. All of this is off the fast paths: it looks again at what made
 * the check fail, and another vCPU may have changed that meanwhile. */
#include "core/log.h"
#include "lib/format.h"
#include "paging/type.h"

static const char *const type_name[] = {
    "an ordinary page", "an L1 page table",  "an L2 page table", "an L3 page table",
    "an L4 page table", "a descriptor page", "a writable page",
};

/* "that frame is ..." from the point of view of a domain that may use frames of `from`. */
static void describe(char *out, size_t size, mfn_t m, const struct domain *d,
                     const struct domain *from)
{
    const struct frame *f = frame_lookup(m);
    const struct domain *owner = f ? frame_owner(f) : NULL;
    uint64_t word = f ? READ_ONCE(f->type) : 0;

    if (!f)
        format(out, size, "there is no memory at that frame");
    else if (!owner)
        format(out, size, "that frame is free or the hypervisor's");
    else if (owner != from)
        format(out, size, "that frame is %s", owner == d ? "this domain's" : "another domain's");
    else
        format(out, size, "that frame is %s (%u use%s, %u references)", type_name[TYPE_OF(word)],
               (unsigned)USES_OF(word), USES_OF(word) == 1 ? "" : "s", READ_ONCE(f->refs));
}

static const char *wants(unsigned level, uint64_t pte)
{
    static const char *const table[] = {"wants an L1 page table", "wants an L2 page table",
                                        "wants an L3 page table"};

    if (level > 1)
        return table[level - 2];
    return pte & PTE_RW ? "wants to be writable" : "wants to be mapped";
}

void refuse_entry(struct domain *d, const struct asker *a, uint64_t pte, const struct domain *from)
{
    uint64_t bad = pte & ~(PTE_FRAME | (a->level == 1 ? PTE_ALLOWED_L1 : PTE_ALLOWED));
    char what[96];

    if (bad) {
        guest_log(d, "L%u[%u] of mfn %#lx = %#lx: flags %#lx are not for guests", a->level,
                  a->index, a->table.n, pte, bad);
        return;
    }
    describe(what, sizeof(what), pte_frame(pte), d, from);
    guest_log(d, "L%u[%u] of mfn %#lx -> mfn %#lx: %s, but %s", a->level, a->index, a->table.n,
              pte_frame(pte).n, wants(a->level, pte), what);
}

void refuse_type(struct domain *d, const struct asker *a, mfn_t m, enum frame_type type)
{
    char what[96];

    if (!a->operation) {
        refuse_entry(d, a, pte_make(m, 0), d);
        return;
    }
    if (d->dying)
        format(what, sizeof(what), "the domain is being destroyed");
    else
        describe(what, sizeof(what), m, d, d);
    guest_log(d, "%s of mfn %#lx: wants %s, but %s", a->operation, m.n, type_name[type], what);
}

void refuse_descriptor(struct domain *d, mfn_t m, unsigned index, uint64_t descriptor)
{
    guest_log(d,
              "descriptor %u of mfn %#lx = %#lx: only code and data segments, or not present, are "
              "for guests",
              index, m.n, descriptor);
}
