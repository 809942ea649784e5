/* Static wiring: event channels and shared pages that the system tree names, and that the domains
 * at both ends find by name (LAMINA_OP_wire). */
#ifndef CORE_WIRING_H
#define CORE_WIRING_H

#include "lib/types.h"
#include "core/config.h"
#include "core/domain.h"

#define WIRING_MAX 1024 /* wires that a domain can have: their search is not preempted */

/* What one domain knows of one wire; domain.wires is an array of nr_wires of them. */
struct wire_end {
    char name[LAMINA_WIRE_NAME_LEN];
    uint32_t number; /* own port; or the grant reference (the owner's, at both ends) */
    uint16_t peer;   /* domid of the other end */
    uint8_t kind;    /* LAMINA_WIRE_event_channel, _shared_page */
    uint8_t role;    /* LAMINA_WIRE_first, _second */
};

/* Connects every wire of the tree. Call after all domains are built, before the first one runs.
 * Returns how many wires were refused (each logged): wrong, an end that was not built, a port in
 * use. */
unsigned wiring_apply(const struct system_config *sys);

/* The domain's end of the wire of that name (NUL-terminated), or NULL. */
const struct wire_end *wiring_find(const struct domain *d, const char *name);

/* Frees the table; part of the domain's end. */
void wiring_free(struct domain *d);

#endif
