/* Checks the invariants of the frame table against what everything else says. */
#ifndef PAGING_AUDIT_H
#define PAGING_AUDIT_H

#include "core/domain.h"

/* What was found to refer to a frame. */
struct audit_count {
    uint32_t refs, uses;
};

struct audit {
    struct domain *const *domains; /* all that are not freed */
    unsigned nr_domains;
    /* Calls audit_note for each reference that is held outside of paging/: by grants, vCPUs. */
    void (*held)(struct audit *a);
    struct audit_count *count; /* one for each frame below frames_max */
    unsigned findings;
};

/* Derives owners, types and counts of everything anew and compares. No vCPU runs and no page_lock
 * is held. Returns the number of findings; each has a line in the log. */
unsigned paging_audit(struct audit *a);

void audit_note(struct audit *a, mfn_t m, bool use);

#endif
