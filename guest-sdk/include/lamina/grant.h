/* Grants: letting another domain use a page of ours, and using a page of another's. */
#ifndef LAMINA_GRANT_H
#define LAMINA_GRANT_H

#include <stdbool.h>
#include <stdint.h>
#include "abi/xen.h"

/* Our grant table. References of no use at the moment are chained through its frame fields, which
 * mean nothing while flags is 0. */
struct lm_grants {
    struct grant_entry_v1 *table;
    uint32_t entries;
    uint32_t first_free; /* 0: none */
};

/* References below this one are for static wiring and never handed out by lm_grant_access. */
#define LM_GRANT_FIRST_DYNAMIC 32

/* Maps the grant table at `area`: `frames` pages (1-4) of the image's memory, page aligned, whose
 * own contents are lost; 512 references each. 0 or -XEN_E*. 1 + frames hypercalls. */
int lm_grants_init(struct lm_grants *grants, void *area, unsigned frames);

/* Lets `peer` use the frame. Returns the reference, > 0, or -XEN_ENOSPC. No hypercall. For one
 * thread at a time. */
int lm_grant_access(struct lm_grants *grants, uint16_t peer, uint64_t mfn, bool readonly);
/* The same with a reference that both sides know beforehand: 0 < ref < LM_GRANT_FIRST_DYNAMIC. 0,
 * or -XEN_EBUSY if it is in use. */
int lm_grant_access_at(struct lm_grants *grants, uint32_t ref, uint16_t peer, uint64_t mfn,
                       bool readonly);
/* Takes the permission back and frees the reference. 0, -XEN_EBUSY while the peer still has it
 * mapped (nothing is changed: try again later, and do not reuse the page), -XEN_EINVAL if ref is
 * not in use. No hypercall. */
int lm_grant_end(struct lm_grants *grants, uint32_t ref);

/* --- a page of another domain's. One hypercall each. --- */

struct lm_grant_mapping {
    void *address;
    uint32_t handle;
};

/* Maps the page that `owner` granted us as `ref` at the page-aligned `address`, where an L1 table
 * must exist. What was mapped there is no longer, but no TLB is flushed: clear the entry before
 * (lm_map) if it was used. 0, or a GNTST_* error (< 0). */
int lm_grant_map(struct lm_grant_mapping *mapping, uint16_t owner, uint32_t ref, void *address,
                 bool readonly);
/* 0 or a GNTST_* error. The address is then unmapped. */
int lm_grant_unmap(struct lm_grant_mapping *mapping);

#endif
