/* Static wiring: event channels and shared pages that the system tree names, and that the domains
 * at both ends find by name (LAMINA_OP_wire). */
#pragma once

#include "core/config.h"

struct domain;
struct lamina_wire;

/* Connects every wire of the tree, once, before the first domain runs. `built` has each of them, as
 * the tree lists them; NULL: it could not be built. Returns how many wires were refused (each
 * logged): wrong, an end that was not built, a port in use. */
unsigned wiring_apply(const struct system_config *sys, struct domain *const *built);

/* The domain's end of the wire of found->name (with its NUL): fills in the rest. False: there is
 * none. Calls cond_resched. */
bool wiring_find(uint16_t domid, struct lamina_wire *found);
