#include "core/domain.h"
#include "core/log.h"
#include "core/wiring.h"
#include "lib/string.h"

/* Those that are connected; changed at boot only. */
static struct wire_config *wires;
static unsigned nr_wires;

bool wiring_find(uint16_t domid, struct lamina_wire *found)
{
    for (unsigned i = 0; i < nr_wires; i++) {
        const struct wire_config *w = &wires[i];
        const unsigned role = w->end[0].domid == domid ? LAMINA_WIRE_first : LAMINA_WIRE_second;

        cond_resched_each(256, i);
        if (w->end[role].domid != domid || strcmp(w->name, found->name) != 0)
            continue;
        found->kind = w->kind;
        found->role = role;
        found->peer = w->end[!role].domid;
        found->pad = 0;
        found->id = w->end[role].number;
        return true;
    }
    return false;
}

/* The owner's references name one page each; a peer may well have equal ones from several owners.
 */
static bool reference_is_taken(const struct wire_config_end *owner)
{
    for (unsigned i = 0; i < nr_wires; i++)
        if (wires[i].kind == LAMINA_WIRE_shared_page && wires[i].end[0].domid == owner->domid &&
            wires[i].end[0].number == owner->number)
            return true;
    return false;
}

/* Checks what only the built domains can tell, and connects. False: logged. */
static bool connect(const struct system_config *sys, const struct wire_config *w, struct domain *a,
                    struct domain *b)
{
    const struct wire_config_end *end = w->end;
    int error;

    if (!a || !b) {
        log_line("/wiring/%s: not connected: /domains/%s was not built", w->name,
                 config_domain_name(sys, end[a ? 1 : 0].domid));
        return false;
    }
    if (w->kind == LAMINA_WIRE_shared_page) {
        if (!reference_is_taken(&end[0]))
            return true;
        log_line(
            "/wiring/%s: owner = <&%s %u>: another wire has that reference: expected a free one",
            w->name, a->name, end[0].number);
        return false;
    }
    error = evtchn_wire(a, end[0].number, b, end[1].number);
    if (error)
        log_line("/wiring/%s: ends = <&%s %u &%s %u>: %s", w->name, a->name, end[0].number, b->name,
                 end[1].number,
                 error == -XEN_EEXIST ? "a port is in use: expected two free ones" : "no memory");
    return error == 0;
}

unsigned wiring_apply(const struct system_config *sys, struct domain *const *built)
{
    unsigned count = 0, order = 0;

    nr_wires = 0;
    for (int node = config_next_wire(sys, -1); node >= 0; node = config_next_wire(sys, node))
        count++;
    if (count == 0)
        return 0;
    while (PAGE_SIZE << order < count * sizeof(*wires))
        order++;
    wires = arch_alloc_pages(order);
    if (!wires) {
        log_line("/wiring: no memory for its %u nodes", count);
        return count;
    }
    for (int node = config_next_wire(sys, -1); node >= 0; node = config_next_wire(sys, node)) {
        struct wire_config *w = &wires[nr_wires];

        if (config_wire(sys, node, w))
            nr_wires += connect(sys, w, built[w->end[0].domid - 1], built[w->end[1].domid - 1]);
    }
    return count - nr_wires;
}
