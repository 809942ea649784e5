/* Says why something was refused. All of this is off the fast paths: it looks again at what made
 * the check fail, and another vCPU may have changed that meanwhile. docs/page-mapping.md explains
 * every line; a test of label checks compares. */
#include "core/log.h"
#include "lib/format.h"
#include "paging/type.h"

static const char *const type_name[] = {
    "a page of the domain", "an L1 page table",  "an L2 page table", "an L3 page table",
    "an L4 page table",     "a descriptor page", "a writable page",
};

/* What the frame is, if it should be of that type and a frame of `from`. */
static void describe(char *out, size_t size, mfn_t m, enum frame_type wanted, struct domain *from)
{
    const bool table = wanted >= TYPE_L1 && wanted <= TYPE_DESCRIPTOR;
    const struct frame *f = frame_lookup(m);
    const struct domain *owner = f ? frame_owner(f) : NULL;
    uint64_t word = f ? READ_ONCE(f->type) : 0, uses = USES_OF(word);
    enum frame_type type = uses ? TYPE_OF(word) : TYPE_NONE;
    const char *what = table && from->dying ? "the domain is being destroyed"
                       : !f                 ? "there is no memory at that frame"
                       : !owner             ? "that frame is free or the hypervisor's"
                       : owner == from      ? NULL
                                            : "that frame is another domain's";

    if (owner && owner != from && (current->domain->privileges & PRIV_FOREIGN_MAP))
        format(out, size, "that frame is domain %u's, not domain %u's", owner->id, from->id);
    else if (what)
        format(out, size, "%s", what);
    else
        format(out, size, "that frame is %s (%lu use%s%s, %u references)%s", type_name[type], uses,
               uses == 1 ? "" : "s", word & TYPE_PINNED ? ", pinned" : "", READ_ONCE(f->refs),
               uses == USES_OF(TYPE_USES) || f->refs == UINT32_MAX ? ": no more can be counted"
               : !table || type != TYPE_WRITABLE                   ? ""
               : f->state & FRAME_SHARED ? ": it is the hypervisor's, and never a table"
                                         : ": no writable mapping of it may be left");
}

void refuse_type(struct domain *from, const struct asker *a, mfn_t m, enum frame_type type)
{
    char what[160];

    describe(what, sizeof(what), m, type, from);
    if (a->operation)
        guest_log(current->domain, "%s of mfn %#lx: wants %s, but %s", a->operation, m.n,
                  type_name[type], what);
    else
        guest_log(current->domain, "L%u[%u] of mfn %#lx -> mfn %#lx: wants %s, but %s", a->level,
                  a->index, a->table.n, m.n, type_name[type], what);
}

void refuse_entry(struct domain *from, const struct asker *a, uint64_t pte)
{
    uint64_t bad = pte & ~(PTE_FRAME | (a->level == 1 ? PTE_ALLOWED_L1 : PTE_ALLOWED));
    const char *bit7 = a->level == 1 ? " PAT" : " PSE (superpage)";

    if (!bad)
        refuse_type(from, a, pte_frame(pte),
                    a->level > 1   ? a->level - 1
                    : pte & PTE_RW ? TYPE_WRITABLE
                                   : TYPE_NONE);
    else
        guest_log(current->domain,
                  "L%u[%u] of mfn %#lx = %#lx: flags %#lx are not for guests:%s%s%s%s%s", a->level,
                  a->index, a->table.n, pte, bad, bad & PTE_PWT ? " PWT" : "",
                  bad & PTE_PCD ? " PCD" : "", bad & PTE_PSE ? bit7 : "",
                  bad & PTE_GLOBAL ? " GLOBAL" : "", bad & PTE_GRANT ? " bit 62" : "");
}

void refuse_descriptor(mfn_t m, unsigned index, uint64_t descriptor)
{
    guest_log(current->domain,
              "descriptor %u of mfn %#lx = %#lx: only code and data segments, or not present, are "
              "for guests",
              index, m.n, descriptor);
}
