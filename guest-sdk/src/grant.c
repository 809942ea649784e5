#include <lamina/guest.h>

#define MAX_FRAMES 4

int lm_grants_init(struct lm_grants *grants, void *area, unsigned frames)
{
    uint64_t list[MAX_FRAMES] = {0};
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = frames, .frame_list = list};
    long error;

    if (frames == 0 || frames > MAX_FRAMES)
        return -XEN_EINVAL;
    error = hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1);
    if (error || setup.status != GNTST_okay)
        return error ? (int)error : -XEN_ENOSPC;
    for (unsigned i = 0; i < frames; i++) {
        error = lm_map((char *)area + i * LM_PAGE_SIZE, lm_pte(list[i], LM_PTE_DATA));
        if (error)
            return (int)error;
    }

    grants->table = area;
    grants->entries = frames * (LM_PAGE_SIZE / sizeof(struct grant_entry_v1));
    for (uint32_t ref = LM_GRANT_FIRST_DYNAMIC; ref < grants->entries; ref++)
        grants->table[ref].frame = ref + 1 < grants->entries ? ref + 1 : 0;
    grants->first_free = LM_GRANT_FIRST_DYNAMIC;
    return 0;
}

static void open_entry(struct grant_entry_v1 *entry, uint16_t peer, uint64_t mfn, bool readonly)
{
    entry->domid = peer;
    entry->frame = (uint32_t)mfn;
    /* The flags make the rest valid, so they come last. */
    __atomic_store_n(&entry->flags, GTF_permit_access | (readonly ? GTF_readonly : 0),
                     __ATOMIC_RELEASE);
}

int lm_grant_access(struct lm_grants *grants, uint16_t peer, uint64_t mfn, bool readonly)
{
    uint32_t ref = grants->first_free;

    if (ref == 0)
        return -XEN_ENOSPC;
    grants->first_free = grants->table[ref].frame;
    open_entry(&grants->table[ref], peer, mfn, readonly);
    return (int)ref;
}

int lm_grant_access_at(struct lm_grants *grants, uint32_t ref, uint16_t peer, uint64_t mfn,
                       bool readonly)
{
    if (ref == 0 || ref >= LM_GRANT_FIRST_DYNAMIC)
        return -XEN_EINVAL;
    if (grants->table[ref].flags != 0)
        return -XEN_EBUSY;
    open_entry(&grants->table[ref], peer, mfn, readonly);
    return 0;
}

int lm_grant_end(struct lm_grants *grants, uint32_t ref)
{
    struct grant_entry_v1 *entry;
    uint16_t flags;

    if (ref == 0 || ref >= grants->entries)
        return -XEN_EINVAL;
    entry = &grants->table[ref];
    flags = __atomic_load_n(&entry->flags, __ATOMIC_RELAXED);
    if (flags == 0)
        return -XEN_EINVAL; /* ended twice */
    do {
        if (flags & (GTF_reading | GTF_writing))
            return -XEN_EBUSY;
        /* The peer may map it at this moment: only a compare-and-swap notices. */
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    if (ref >= LM_GRANT_FIRST_DYNAMIC) {
        entry->frame = grants->first_free;
        grants->first_free = ref;
    }
    return 0;
}

int lm_grant_map(struct lm_grant_mapping *mapping, uint16_t owner, uint32_t ref, void *address,
                 bool readonly)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = (uint64_t)address,
        .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
        .ref = ref,
        .dom = owner,
    };
    long error = hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);

    if (error || map.status != GNTST_okay)
        return error ? (int)error : map.status;
    mapping->address = address;
    mapping->handle = map.handle;
    return 0;
}

int lm_grant_unmap(struct lm_grant_mapping *mapping)
{
    struct gnttab_unmap_grant_ref unmap = {
        .host_addr = (uint64_t)mapping->address,
        .handle = mapping->handle,
    };
    long error = hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);

    return error ? (int)error : unmap.status;
}
