/* Grant tables (version 1). */
#ifndef CORE_GRANT_H
#define CORE_GRANT_H

#include "lib/types.h"
#include "lib/spinlock.h"

struct domain;

struct grant_table {
    struct spinlock lock;
};

int grant_init(struct domain *d);
/* Unmaps whatever the domain still maps of others. Calls cond_resched. */
void grant_release_mappings(struct domain *d);
void grant_destroy(struct domain *d);

#endif
