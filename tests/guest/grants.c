/* Grants from this domain to itself: mapping, unmapping, copying, and what is refused. */
#include "provoke.h"

#define NO_SUCH_DOMAIN 0x6fff

static char grant_area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static char window[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
static struct lm_grants grants;
static char *page;
static uint16_t self;

static int map(uint32_t ref, uint32_t flags, uint64_t address, uint32_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = address, .flags = flags, .ref = ref, .dom = self};

    check(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0, "the call itself");
    *handle = op.handle;
    return op.status;
}

static int unmap(uint64_t address, uint32_t handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = address, .handle = handle};

    check(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0, "the call itself");
    return op.status;
}

static void mapping(void)
{
    int ref = lm_grant_access(&grants, self, lm_virt_to_mfn(page), false);
    struct lm_grant_mapping first, stale;

    check(ref >= LM_GRANT_FIRST_DYNAMIC, true, "a reference");
    page[7] = 42;
    check(lm_grant_map(&first, self, ref, window, false), 0, "map");
    check(window[7], 42, "the page is seen through the mapping");
    window[8] = 43;
    check(page[8], 43, "and written");
    check(grants.table[ref].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing,
          "the entry says it is in use");
    check(lm_grant_end(&grants, ref), -XEN_EBUSY, "it cannot be taken back now");
    stale = first;
    check(lm_grant_unmap(&first), 0, "unmap");
    check(grants.table[ref].flags & (GTF_reading | GTF_writing), 0, "the entry is free again");
    PROVOKE("movb (%0), %%al", : : "r"(window));
    check(provoked.vector, 14, "the mapping is gone");
    check(lm_grant_unmap(&stale), GNTST_bad_handle, "unmap again");
    check(lm_grant_end(&grants, ref), 0, "take it back");
    check(lm_grant_end(&grants, ref), -XEN_EINVAL, "take it back twice");
    check(lm_grant_map(&first, self, ref, window, false), GNTST_general_error,
          "map what was taken back");
}

static void read_only(void)
{
    int ref = lm_grant_access(&grants, self, lm_virt_to_mfn(page), true);
    struct lm_grant_mapping mapping;

    check(lm_grant_map(&mapping, self, ref, window, false), GNTST_general_error,
          "map a read-only grant writable");
    check(lm_grant_map(&mapping, self, ref, window, true), 0, "map it read-only");
    check(grants.table[ref].flags & (GTF_reading | GTF_writing), GTF_reading, "in use for reading");
    PROVOKE("movb $1, (%0)", : : "r"(window));
    check(provoked.vector, 14, "a write faults");
    check(lm_map(window, lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA)), 0,
          "replacing the mapping by another");
    check(lm_grant_unmap(&mapping), GNTST_general_error, "then unmapping it there");
    lm_map(window, 0);
}

static void refused_maps(void)
{
    int ref = lm_grant_access(&grants, self, lm_virt_to_mfn(page), false);
    int others = lm_grant_access(&grants, 0x1234, lm_virt_to_mfn(page), false);
    int foreign = lm_grant_access(&grants, self, 1ul << 31, false);
    int table = lm_grant_access(&grants, self, lm_virt_to_mfn(lm_boot_root()), false);
    struct lm_grant_mapping mapping;
    uint32_t handle;

    check(lm_grant_map(&mapping, NO_SUCH_DOMAIN, ref, window, false), GNTST_bad_domain,
          "a domain that is not there");
    check(lm_grant_map(&mapping, DOMID_SELF, ref, window, false), GNTST_bad_domain,
          "DOMID_SELF, which a grant's domain cannot be");
    check(lm_grant_map(&mapping, self, 100, window, false), GNTST_general_error,
          "a reference that grants nothing");
    check(lm_grant_map(&mapping, self, 1u << 20, window, false), GNTST_bad_gntref,
          "a reference beyond the table");
    check(lm_grant_map(&mapping, self, ~0u, window, false), GNTST_bad_gntref, "reference 2^32 - 1");
    check(lm_grant_map(&mapping, self, others, window, false), GNTST_general_error,
          "a grant to another domain");
    check(lm_grant_map(&mapping, self, foreign, window, false) < 0, true,
          "a grant of a frame that the granter does not own");
    check(lm_grant_map(&mapping, self, table, window, false) < 0, true,
          "a page table granted, mapped writable");
    check(map(ref, 0, (uint64_t)window, &handle), GNTST_bad_gntref, "no kind of mapping");
    check(map(ref, GNTMAP_host_map, 0x5000, &handle) < 0, true, "where no L1 table is");
    check(map(ref, GNTMAP_host_map, HYPERVISOR_VIRT_START, &handle) < 0, true,
          "in the hypervisor's range");
    check(map(ref, GNTMAP_host_map, 0x8000000000000000, &handle) < 0, true,
          "at an address that is not canonical");
    check(unmap((uint64_t)window, ~0u), GNTST_bad_handle, "unmap handle 2^32 - 1");
    check(unmap((uint64_t)window, 12345), GNTST_bad_handle, "unmap a handle that is not there");
    check(lm_grant_end(&grants, ref), 0, "after all that the grant is unused");
    check(lm_grant_end(&grants, others), 0, "the other domain's too");
    check(lm_grant_end(&grants, foreign), 0, "the foreign frame's too");
    check(lm_grant_end(&grants, table), 0, "the page table's too");
}

/* References for the ends that are granted; else both ends are own frames. */
static int copy(int from_ref, const char *from, int to_ref, char *to, unsigned from_at,
                unsigned to_at, unsigned length)
{
    struct gnttab_copy op = {
        .source = {.domid = DOMID_SELF, .offset = from_at},
        .dest = {.domid = DOMID_SELF, .offset = to_at},
        .len = length,
        .flags = (from_ref ? GNTCOPY_source_gref : 0) | (to_ref ? GNTCOPY_dest_gref : 0),
    };

    if (from_ref)
        op.source.u.ref = from_ref;
    else
        op.source.u.gmfn = lm_virt_to_mfn(from);
    if (to_ref)
        op.dest.u.ref = to_ref;
    else
        op.dest.u.gmfn = lm_virt_to_mfn(to);
    check(hypercall_grant_table_op(GNTTABOP_copy, &op, 1), 0, "the call itself");
    return op.status;
}

static void copies(void)
{
    char *from = check_page(), *to = check_page();
    int ref = lm_grant_access(&grants, self, lm_virt_to_mfn(to), false);
    int read_ref = lm_grant_access(&grants, self, lm_virt_to_mfn(from), true);
    char *root = (char *)lm_boot_root();
    char before = root[0];

    for (unsigned i = 0; i < LM_PAGE_SIZE; i++)
        from[i] = (char)(i * 7 + 1);
    check(copy(0, from, ref, NULL, 0, 0, LM_PAGE_SIZE), 0, "copy a page to a grant");
    check(memcmp(from, to, LM_PAGE_SIZE), 0, "all bytes arrived");
    memset(to, 0, LM_PAGE_SIZE);
    check(copy(read_ref, NULL, ref, NULL, 100, 200, 300), 0, "copy from grant to grant");
    check(memcmp(from + 100, to + 200, 300), 0, "the bytes arrived");
    check(to[199] == 0 && to[500] == 0, true, "and no others");
    check(copy(0, from, ref, NULL, 4000, 0, 97), GNTST_bad_copy_arg, "a source across its page");
    check(copy(0, from, ref, NULL, 0, 4095, 2), GNTST_bad_copy_arg,
          "a destination across its page");
    check(copy(0, from, ref, NULL, 65535, 0, 65535), GNTST_bad_copy_arg, "huge offset and length");
    check(copy(0, from, ref, NULL, 0, 0, 0), 0, "no bytes");
    check(copy(0, from, read_ref, NULL, 0, 0, 8), GNTST_general_error, "into a read-only grant");
    check(copy(0, from, 400, NULL, 0, 0, 8), GNTST_general_error, "into a grant that is not there");
    check(copy(0, from, 0, root, 0, 0, 8) < 0, true, "into a page table");
    check(root[0], before, "the page table is as before");
    check(lm_grant_end(&grants, ref), 0, "the grants are unused afterwards");
    check(lm_grant_end(&grants, read_ref), 0, "both of them");
}

static void table_size(void)
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    uint64_t list[1];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 100000, .frame_list = list};

    check(hypercall_grant_table_op(GNTTABOP_query_size, &size, 1), 0, "query_size");
    check(size.status, 0, "query_size: status");
    check(size.nr_frames >= 1 && size.nr_frames <= size.max_nr_frames, true, "query_size: sizes");
    check(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0, "a huge table");
    check(setup.status, GNTST_general_error, "a huge table: status");
    check(hypercall_grant_table_op(GNTTABOP_query_size, &size, 2), -XEN_EINVAL, "two query_sizes");
    check(hypercall_grant_table_op(99, &size, 1), -XEN_ENOSYS, "unknown sub-operation");
    check(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &size, 0), 0, "no maps");
    check(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &size, 1u << 31), -XEN_EINVAL,
          "2^31 maps");
}

int main(void)
{
    provoke_init();
    check(lm_grants_init(&grants, grant_area, 1), 0, "the grant table");
    page = check_page();
    self = check_own_domid();
    mapping();
    read_only();
    refused_maps();
    copies();
    table_size();
    return check_done();
}
