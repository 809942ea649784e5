/* Grant tables (version 1): a domain lets another map or copy a frame of its own. */
#pragma once

#include "lib/spinlock.h"

struct domain;
struct grant_active;  /* core/grant_internal.h */
struct grant_mapping; /* core/grant_internal.h */

#define GRANT_FRAMES_MAX     64u /* the greatest limits that a domain can have */
#define GRANT_MAPTRACK_MAX   1024u
#define GRANT_MAPTRACK_ORDER 1 /* pages of pointers to them */
#define GRANT_REFS_PER_FRAME 512u
#define GRANT_MAPS_PER_FRAME 256u

struct grant_table {
    struct spinlock lock;
    uint32_t nr_frames, max_frames;     /* of the shared table */
    uint32_t nr_maptrack, max_maptrack; /* pages of mappings that this domain has made */
    uint32_t free_handle;               /* head of the list of free handles */
    uint64_t *shared[GRANT_FRAMES_MAX]; /* struct grant_entry_v1, hostile; NULL once destroyed */
    struct grant_active *active[GRANT_FRAMES_MAX];
    struct grant_mapping **maptrack; /* pages of pointers to pages of mappings */
};

/* With one frame and the default limits. 0 or -XEN_ENOMEM. */
int grant_init(struct domain *d);
/* Ends whatever the domain still maps of others; its page tables must have been given back already
 * or be so before the frames are used again (every entry has its own reference). Calls
 * cond_resched. */
void grant_release_mappings(struct domain *d);
/* Gives back the shared frames and the table of mappings. What others map of the domain stays valid
 * until they unmap it. */
void grant_destroy(struct domain *d);
/* Frees the rest, at the end of the struct domain: nobody maps anything of it. */
void grant_free(struct domain *d);
