/* Static wiring: event channels and shared pages that the system tree laid out between domains,
 * found by name. Lamina only: on Xen every name is -XEN_ENOSYS.
 * The reference of a shared page that this domain owns goes to lm_grant_access_at(), which takes 8
 * .. LM_GRANT_FIRST_DYNAMIC - 1 (31): the tree should name one of these. */
#ifndef LAMINA_WIRE_H
#define LAMINA_WIRE_H

#include "abi/xen.h"

/* Fills in the wire of that name. 0, -XEN_ENOENT if there is none for this domain, -XEN_ENOSYS. One
 * hypercall. */
int lm_wire(const char *name, struct lamina_wire *wire);

/* The same, of a kind (LAMINA_WIRE_*) that the program cannot do without: panics, with the reason.
 */
struct lamina_wire lm_wire_need(const char *name, uint32_t kind);

#endif
