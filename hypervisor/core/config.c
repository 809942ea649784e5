#include <libfdt.h>

#include "core/config.h"
#include "core/domain.h"
#include "core/log.h"
#include "lib/string.h"

#define FDT_VERSION 17

_Static_assert(DOMAIN_NAME_MAX == TREE_NAME_MAX + 1, "domain names are node names");
_Static_assert(LAMINA_WIRE_NAME_LEN == TREE_NAME_MAX + 1, "wire names are node names");
_Static_assert(MAX_VCPUS == 64 && MAX_GUEST_CMDLINE == 1024, "as docs/system-tree.md says");

/* --- domains --- */

static bool parse_cpus(const struct tree_property *, struct tree_bytes v, void *field)
{
    uint64_t *cpus = field;

    *cpus = 0;
    for (unsigned i = 0; i < v.size / 4; i++) {
        const uint32_t cpu = tree_cell(v, i);

        if (cpu >= CONFIG_MAX_CPUS || *cpus & (1ul << cpu))
            return false;
        *cpus |= 1ul << cpu;
    }
    return *cpus && v.size % 4 == 0;
}

static bool parse_privileges(const struct tree_property *, struct tree_bytes v, void *field)
{
    uint32_t *privileges = field;

    if (!tree_is_strings(v))
        return false;
    for (size_t at = 0; at < v.size; at += strlen(v.data + at) + 1) {
        const char *name = v.data + at;

        if (strcmp(name, "console-read") == 0)
            *privileges |= PRIV_CONSOLE_READ;
        else if (strcmp(name, "foreign-map") == 0)
            *privileges |= PRIV_FOREIGN_MAP;
        else if (strcmp(name, "control") == 0)
            *privileges |= PRIV_CONTROL;
        else if (strcmp(name, "linear-page-tables") == 0)
            *privileges |= PRIV_LINEAR_TABLES;
        else
            return false;
    }
    return true;
}

#define FIELD(member) .offset = offsetof(struct domain_config, member)

static const struct tree_property domain_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,domain\"", .required = true},
    {"kernel", tree_parse_bytes, .expected = "/incbin/(\"FILE\")", FIELD(kernel), .required = true},
    {"memory", tree_parse_cell, TREE_RANGE(1, 1048576, " (MiB)"), FIELD(memory), .required = true},
    {"ramdisk", tree_parse_bytes, .expected = "a file that is not empty", .min = 1, FIELD(ramdisk)},
    {"bootargs", tree_parse_string, .expected = "one string of at most 1023 characters",
     .max = 1023, FIELD(bootargs)},
    {"vcpus", tree_parse_cell, TREE_RANGE(1, 64, ""), FIELD(vcpus)},
    {"weight", tree_parse_cell, TREE_RANGE(1, 65535, ""), FIELD(weight)},
    {"cap", tree_parse_cell, TREE_RANGE(0, 6400, " (percent of a CPU)"), FIELD(cap)},
    {"cpus", parse_cpus, .expected = "host CPUs <0 .. 63>, each at most once", FIELD(cpus)},
    {"privileges", parse_privileges, FIELD(privileges),
     .expected = "a list of \"console-read\", \"foreign-map\", \"control\", "
                 "\"linear-page-tables\""},
    {"no-console-write", tree_parse_flag, .expected = "no value", FIELD(no_console_write)},
    {"abi-version", tree_parse_cell, TREE_RANGE(1, 65535, ""), FIELD(abi_version)},
    {0},
};

bool config_domain(const struct system_config *sys, unsigned index, struct domain_config *dom)
{
    *dom = (struct domain_config){.bootargs = "",
                                  .cpus = ~0ul,
                                  .vcpus = 1,
                                  .weight = CONFIG_WEIGHT,
                                  .id = (uint16_t)(index + 1)};
    if (!tree_read_named(sys->fdt, sys->domain[index].node, dom->name, domain_properties, dom))
        return false;
    dom->pages = (uint64_t)dom->memory << (20 - PAGE_SHIFT);
    if (!dom->no_console_write)
        dom->privileges |= PRIV_CONSOLE_WRITE;
    return true;
}

/* --- wires --- */

const char *config_domain_name(const struct system_config *sys, uint16_t domid)
{
    return fdt_get_name(sys->fdt, sys->domain[domid - 1].node, NULL);
}

/* Domain id of the node with that phandle; 0: none. */
static uint16_t domid_of(const struct system_config *sys, uint32_t phandle)
{
    for (unsigned i = 0; phandle != 0 && i < sys->nr_domains; i++)
        if (sys->domain[i].phandle == phandle)
            return (uint16_t)(i + 1);
    return 0;
}

/* Pairs <&DOMAIN NUMBER>, v.size == p->min; the first is for end p->max. */
static bool parse_ends(const struct tree_property *p, struct tree_bytes v, void *field)
{
    struct wire_config *wire = field;
    const bool page = wire->kind == LAMINA_WIRE_shared_page;

    for (size_t i = 0; i < v.size / 4 && v.size == p->min; i++) {
        struct wire_config_end *end = &wire->end[p->max + i / 2];
        const uint32_t cell = tree_cell(v, i);

        if (i % 2 == 0)
            end->domid = domid_of(wire->sys, cell);
        else
            end->number = cell;
        if (end->domid == 0 ||
            (i % 2 != 0 && (cell < (page ? 8 : 1) || cell > (page ? 32767 : 4095))))
            return false;
    }
    return v.size == p->min;
}

static const struct tree_property event_properties[] = {
    {"compatible", tree_parse_compatible, .required = true,
     .expected = "\"lamina,event-channel\" or \"lamina,shared-page\""},
    {"ends", parse_ends, .min = 16, .required = true,
     .expected = "<&DOMAIN PORT &DOMAIN PORT>: labels in /domains, ports 1 .. 4095"},
    {0},
};

static const struct tree_property page_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,shared-page\"", .required = true},
    {"owner", parse_ends, .min = 8, .required = true,
     .expected = "<&DOMAIN REFERENCE>: a label in /domains, a grant reference 8 .. 32767"},
    {"peer", parse_ends, .min = 4, .max = 1, .required = true,
     .expected = "<&DOMAIN>: a label in /domains"},
    {0},
};

int config_next_wire(const struct system_config *sys, int after)
{
    if (after >= 0)
        return fdt_next_subnode(sys->fdt, after);
    return sys->wiring < 0 ? -1 : fdt_first_subnode(sys->fdt, sys->wiring);
}

bool config_wire(const struct system_config *sys, int node, struct wire_config *wire)
{
    const bool page = fdt_node_check_compatible(sys->fdt, node, "lamina,shared-page") == 0;

    *wire = (struct wire_config){
        .sys = sys, .kind = page ? LAMINA_WIRE_shared_page : LAMINA_WIRE_event_channel};
    if (!tree_read_named(sys->fdt, node, wire->name, page ? page_properties : event_properties,
                         wire))
        return false;
    if (page)
        wire->end[1].number = wire->end[0].number;
    if (wire->end[0].domid != wire->end[1].domid)
        return true;
    log_line("/wiring/%s: both ends are /domains/%s: expected two different domains", wire->name,
             config_domain_name(sys, wire->end[0].domid));
    return false;
}

/* --- the whole tree --- */

static const struct tree_property root_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,system-v1\"", .required = true},
    {.name = "model"},
    {.name = "#address-cells"},
    {.name = "#size-cells"},
    {0},
};

static const struct tree_property hypervisor_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,hypervisor\""},
    {"allow-unsafe-cpu", tree_parse_flag, .expected = "no value",
     .offset = offsetof(struct system_config, allow_unsafe_cpu)},
    {"audit-calls", tree_parse_flag, .expected = "no value",
     .offset = offsetof(struct system_config, audit_calls)},
    {0},
};

static const struct tree_property no_properties[] = {{0}};

/* Nothing is read from a blob beyond its real size, whatever its header says. */
static bool check_blob(const void *blob, size_t size)
{
    int error = size < sizeof(struct fdt_header) ? -FDT_ERR_TRUNCATED : fdt_check_header(blob);

    /* fdt_check_full does not survive these. */
    if (error == 0 && (fdt_version(blob) < FDT_VERSION || fdt_off_dt_struct(blob) % 4 != 0))
        error = -FDT_ERR_BADLAYOUT;
    if (error == 0)
        error = fdt_check_full(blob, size);
    if (error)
        log_line(
            "system tree: %s, %zu bytes: expected a device tree blob of version %u as the first "
            "boot module",
            fdt_strerror(error), size, FDT_VERSION);
    return error == 0;
}

static void list_domains(struct system_config *sys, int domains)
{
    int at;

    fdt_for_each_subnode(at, sys->fdt, domains)
    {
        if (sys->nr_domains == CONFIG_MAX_DOMAINS) {
            log_line("/domains: more than %u nodes: expected at most that many",
                     CONFIG_MAX_DOMAINS);
            sys->refused++;
            return;
        }
        sys->domain[sys->nr_domains].node = at;
        sys->domain[sys->nr_domains++].phandle = fdt_get_phandle(sys->fdt, at);
    }
}

bool config_open(struct system_config *sys, const void *blob, size_t size)
{
    int at;

    memset(sys, 0, sizeof(*sys));
    sys->fdt = blob;
    sys->wiring = -1;
    if (!check_blob(blob, size))
        return false;
    sys->refused = tree_read(blob, 0, root_properties, sys);
    if (fdt_node_check_compatible(blob, 0, "lamina,system-v1") != 0)
        return false;
    fdt_for_each_subnode(at, blob, 0)
    {
        const char *name = fdt_get_name(blob, at, NULL);

        if (strcmp(name, "domains") == 0) {
            sys->refused += tree_read(blob, at, no_properties, sys);
            list_domains(sys, at);
        } else if (strcmp(name, "wiring") == 0) {
            sys->refused += tree_read(blob, at, no_properties, sys);
            sys->wiring = at;
        } else if (strcmp(name, "hypervisor") == 0) {
            sys->refused += tree_read_leaf(blob, at, hypervisor_properties, sys);
        } else if (strcmp(name, "aliases") != 0 && memcmp(name, "__", 2) != 0) {
            log_line("/%.*s: unknown node: expected /domains, /wiring or /hypervisor",
                     TREE_NAME_MAX, name);
            sys->refused++;
        }
    }
    if (sys->nr_domains == 0)
        log_line("/domains: missing or empty: expected a node for each domain");
    return sys->nr_domains > 0;
}
