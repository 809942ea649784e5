#include "paging/type.h"
#include "core/log.h"

void paging_flush_demoted(struct domain *d)
{
    d->arch.paging.demoted = false;
    tlb_flush(READ_ONCE(d->arch.paging.tlb_cpus));
}

/* --- losing a type --- */

static void release_l1(struct domain *d, uint64_t *table, size_t entries)
{
    uint32_t stamp = tlb_stamp();
    unsigned since = 0;

    for (size_t i = 0; (i = next_present(table, i)) < entries; i++) {
        l1_entry_put(READ_ONCE(table[i]), d, stamp);
        cond_resched_each(32, since++); /* each may free a page */
    }
}

static void release_upper(struct domain *d, enum frame_type type, uint64_t *table, size_t entries)
{
    mfn_t m = bytes_frame(table);

    for (size_t i = 0; (i = next_present(table, i)) < entries; i++) {
        if (slot_is_guests(type, i))
            upper_entry_put(d, m, type, table[i]);
        cond_resched();
    }
}

/* The frame keeps the name of its type until it gets another, so that TLBs are flushed before. */
static void drop_type(struct domain *d, struct frame *f, enum frame_type type)
{
    d->arch.paging.demoted = true;
    __atomic_store_n(&f->type, TYPE_MAKE(type) | tlb_stamp(), __ATOMIC_RELEASE);
}

/* The one use left is the caller's, so nobody else can take one meanwhile. */
static void demote(struct domain *d, struct frame *f, enum frame_type type)
{
    uint64_t *table = frame_bytes(frame_mfn(f));

    if (type == TYPE_L1)
        release_l1(d, table, TABLE_ENTRIES);
    else if (type != TYPE_DESCRIPTOR)
        release_upper(d, type, table, TABLE_ENTRIES);
    drop_type(d, f, type);
    cond_resched();
}

void table_put(struct domain *d, mfn_t m)
{
    struct frame *f = frame_at(m);
    uint64_t word = f->type;

    /* Uses of these types change under page_lock only: no atomic operation is needed. */
    if ((word & TYPE_USES) == TYPE_USE)
        demote(d, f, TYPE_OF(word));
    else
        WRITE_ONCE(f->type, word - TYPE_USE);
    frame_put(f);
}

void upper_entry_put(struct domain *d, mfn_t table, unsigned level, uint64_t pte)
{
    if (!names_itself(table, level, pte))
        table_put(d, pte_frame(pte));
}

/* --- getting one --- */

static int promote_l1(struct domain *d, mfn_t m)
{
    uint64_t *table = frame_bytes(m);
    uint32_t owner = owner_number(d);
    unsigned since = 0;

    for (size_t i = 0; (i = next_present(table, i)) < TABLE_ENTRIES; i++) {
        uint64_t pte = table[i];
        int rc = -XEN_EINVAL;

        if (likely((pte & ~(PTE_ALLOWED_L1 | PTE_FRAME)) == 0))
            rc = l1_entry_get(pte, owner);
        if (unlikely(rc)) {
            refuse_entry(d, &(struct asker){m, TYPE_L1, (unsigned)i, NULL}, pte);
            release_l1(d, table, i);
            return rc;
        }
        table[i] = pte_adjust_l1(pte);
        cond_resched_each(128, since++);
    }
    return 0;
}

static int promote_upper(struct domain *d, mfn_t m, enum frame_type type)
{
    uint64_t *table = frame_bytes(m);

    for (size_t i = 0; (i = next_present(table, i)) < TABLE_ENTRIES; i++) {
        struct asker asker = {m, type, (unsigned)i, NULL};
        int rc = -XEN_EINVAL;

        if (!slot_is_guests(type, i))
            continue;
        if (likely((table[i] & ~(PTE_ALLOWED | PTE_FRAME)) == 0))
            rc = upper_entry_get(d, &asker, table[i]);
        else
            refuse_entry(d, &asker, table[i]);
        if (unlikely(rc)) {
            release_upper(d, type, table, i);
            return rc;
        }
        table[i] |= PTE_USER;
        cond_resched();
    }
    return 0;
}

/* Puts the hypervisor's own mappings into an L4 table. */
static void fill_reserved_slots(struct domain *d, uint64_t *l4)
{
    for (unsigned i = L4_SLOT_FIRST_RESERVED; i <= L4_SLOT_LAST_RESERVED; i++)
        l4[i] = paging_l4_template[i];
    l4[L4_SLOT_DOMAIN] = d->arch.paging.area_entry;
    if (!m2p_strict(d))
        l4[L4_SLOT_M2P] = 0;
}

static int promote_descriptors(mfn_t m)
{
    uint64_t *descriptor = frame_bytes(m);

    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*descriptor); i++)
        if (!descriptor_check(&descriptor[i])) {
            refuse_descriptor(m, i, descriptor[i]);
            return -XEN_EINVAL;
        }
    return 0;
}

/* Makes a frame with no use have one as that type. False: it has uses. */
static bool claim(struct domain *d, struct frame *f, enum frame_type type)
{
    uint64_t word = READ_ONCE(f->type);

    do {
        if ((word & TYPE_USES) != 0)
            return false;
    } while (!__atomic_compare_exchange_n(&f->type, &word, TYPE_MAKE(type) | TYPE_USE, false,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    /* From here on no mapping of it can become writable; TLBs may still have one that was, or walk
     * it as a table of another level. */
    if (TYPE_OF(word) != type && TYPE_OF(word) != TYPE_NONE)
        tlb_flush(tlb_stale(READ_ONCE(d->arch.paging.tlb_cpus), (uint32_t)(word & TYPE_STAMP)));
    return true;
}

static int promote(struct domain *d, struct frame *f, enum frame_type type)
{
    mfn_t m = frame_mfn(f);
    int rc = type == TYPE_L1           ? promote_l1(d, m)
             : type == TYPE_DESCRIPTOR ? promote_descriptors(m)
                                       : promote_upper(d, m, type);

    if (rc)
        drop_type(d, f, type);
    else if (type == TYPE_L4)
        fill_reserved_slots(d, frame_bytes(m));
    cond_resched();
    return rc;
}

int table_get(struct domain *d, mfn_t m, enum frame_type type, const struct asker *asker)
{
    struct frame *f = frame_get(m, d);
    uint64_t word;
    int rc = -XEN_EINVAL;

    if (unlikely(!f || d->dying)) {
        if (f)
            frame_put(f);
        refuse_type(d, asker, m, type);
        return rc;
    }
    word = READ_ONCE(f->type);
    if (TYPE_OF(word) == type && (word & TYPE_USES) != 0 && (word & TYPE_USES) != TYPE_USES) {
        WRITE_ONCE(f->type, word + TYPE_USE);
        return 0;
    }

    bool claimed = claim(d, f, type);

    if (claimed)
        rc = promote(d, f, type);
    if (rc)
        frame_put(f);
    if (!claimed)
        refuse_type(d, asker, m, type);
    return rc;
}

int upper_entry_get(struct domain *d, const struct asker *asker, uint64_t pte)
{
    if (!names_itself(asker->table, asker->level, pte))
        return table_get(d, pte_frame(pte), asker->level - 1, asker);
    if (asker->index == L4_SLOT_LINEAR && !(pte & PTE_RW) && (d->privileges & PRIV_LINEAR_TABLES))
        return 0;
    guest_log(current->domain,
              "L4[%u] of mfn %#lx = %#lx names that table itself: expected in slot 255 only, "
              "read-only, in a domain with the privilege linear-page-tables",
              asker->index, asker->table.n, pte);
    return -XEN_EINVAL;
}

/* --- pins: uses that only the guest's word keeps --- */

int table_pin(struct domain *d, mfn_t m, enum frame_type type)
{
    int rc = table_get(d, m, type, &(struct asker){.operation = "pin"});
    struct frame *f;

    if (rc)
        return rc;
    f = frame_at(m);
    if (f->type & TYPE_PINNED) {
        guest_log(current->domain, "pin of mfn %#lx: it is pinned already", m.n);
        table_put(d, m);
        return -XEN_EINVAL;
    }
    WRITE_ONCE(f->type, f->type | TYPE_PINNED);
    return 0;
}

int table_unpin(struct domain *d, mfn_t m)
{
    struct frame *f = frame_lookup(m);
    const bool its = f && READ_ONCE(f->owner) == owner_number(d); /* as long as it is pinned */

    if (!its || !(f->type & TYPE_PINNED)) {
        guest_log(current->domain, "unpin of mfn %#lx: it is not %s", m.n,
                  its ? "pinned" : "a frame of the domain");
        return -XEN_EINVAL;
    }
    WRITE_ONCE(f->type, f->type & ~TYPE_PINNED);
    table_put(d, frame_mfn(f));
    return 0;
}
