#include "abi/xen.h"
#include "core/arch.h"
#include "core/log.h"
#include "core/wiring.h"
#include "lib/string.h"

/* A wire with both ends found; each domain is referenced. */
struct connection {
    struct wire_config config;
    struct domain *domain[2];
};

static unsigned table_order(unsigned count)
{
    unsigned order = 0;

    while ((PAGE_SIZE << order) < count * sizeof(struct wire_end))
        order++;
    return order;
}

/* Makes room for one more end. */
static bool reserve(struct domain *d)
{
    const unsigned order = table_order(d->nr_wires + 1);
    const unsigned count = d->nr_wires;
    struct wire_end *wires;

    if (count < d->max_wires)
        return true;
    wires = arch_alloc_pages(order);
    if (!wires)
        return false;
    if (d->wires)
        memcpy(wires, d->wires, count * sizeof(*wires));
    wiring_free(d);
    d->wires = wires;
    d->nr_wires = count;
    d->max_wires = (unsigned)((PAGE_SIZE << order) / sizeof(*wires));
    return true;
}

static void add_end(const struct connection *c, unsigned role)
{
    struct domain *d = c->domain[role];
    struct wire_end *end = &d->wires[d->nr_wires++];

    memset(end, 0, sizeof(*end));
    memcpy(end->name, c->config.name, strlen(c->config.name));
    end->number = c->config.end[role].number;
    end->peer = c->domain[!role]->id;
    end->kind = (uint8_t)c->config.kind;
    end->role = (uint8_t)role;
}

const struct wire_end *wiring_find(const struct domain *d, const char *name)
{
    for (unsigned i = 0; i < d->nr_wires; i++)
        if (strcmp(d->wires[i].name, name) == 0)
            return &d->wires[i];
    return NULL;
}

void wiring_free(struct domain *d)
{
    if (d->wires)
        arch_free_pages(d->wires, table_order(d->max_wires));
    d->wires = NULL;
    d->nr_wires = d->max_wires = 0;
}

/* The owner's references name one page each; a peer may well have equal ones from several owners.
 */
static bool owns_reference(const struct domain *d, uint32_t reference)
{
    for (unsigned i = 0; i < d->nr_wires; i++)
        if (d->wires[i].kind == LAMINA_WIRE_shared_page && d->wires[i].role == LAMINA_WIRE_first &&
            d->wires[i].number == reference)
            return true;
    return false;
}

/* Checks what only the built domains can tell, and connects. False: logged. */
static bool connect(const struct connection *c)
{
    const struct wire_config *w = &c->config;
    int error;

    for (unsigned role = 0; role < 2; role++) {
        if (!c->domain[role]) {
            log_line("/wiring/%s: not connected: domain %u of the tree was not built", w->name,
                     w->end[role].domid);
            return false;
        }
        if (c->domain[role]->nr_wires == WIRING_MAX) {
            log_line("/wiring/%s: %s has %u wires already: expected no more", w->name,
                     c->domain[role]->name, WIRING_MAX);
            return false;
        }
        if (!reserve(c->domain[role])) {
            log_line("/wiring/%s: no memory for it", w->name);
            return false;
        }
    }
    if (w->kind == LAMINA_WIRE_shared_page) {
        if (!owns_reference(c->domain[0], w->end[0].number))
            return true;
        log_line(
            "/wiring/%s: owner = <&%s %u>: another wire has that reference: expected a free one",
            w->name, c->domain[0]->name, w->end[0].number);
        return false;
    }
    error = evtchn_wire(c->domain[0], w->end[0].number, c->domain[1], w->end[1].number);
    if (error)
        log_line("/wiring/%s: ends = <&%s %u &%s %u>: %s", w->name, c->domain[0]->name,
                 w->end[0].number, c->domain[1]->name, w->end[1].number,
                 error == -XEN_EEXIST ? "a port is in use: expected two free ones" : "no memory");
    return error == 0;
}

unsigned wiring_apply(const struct system_config *sys)
{
    unsigned refused = 0;

    for (int node = config_next_wire(sys, -1); node >= 0; node = config_next_wire(sys, node)) {
        struct connection c;
        bool good = config_wire(sys, node, &c.config);

        if (good) {
            for (unsigned role = 0; role < 2; role++)
                c.domain[role] = domain_get(c.config.end[role].domid);
            good = connect(&c);
            for (unsigned role = 0; role < 2; role++) {
                if (good)
                    add_end(&c, role);
            }
            for (unsigned role = 0; role < 2; role++) {
                if (c.domain[role])
                    domain_put(c.domain[role]);
            }
        }
        refused += !good;
    }
    return refused;
}
