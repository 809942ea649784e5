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

static const char *parse_cpus(const struct tree_property *p, struct tree_bytes v, void *out)
{
    struct domain_config *dom = out;

    if (v.size == 0 || v.size % 4 != 0)
        return p->expected;
    dom->cpus = 0;
    for (unsigned i = 0; i < v.size / 4; i++) {
        const uint32_t cpu = tree_cell(v, i);

        if (cpu >= CONFIG_MAX_CPUS || dom->cpus & (1ul << cpu))
            return p->expected;
        dom->cpus |= 1ul << cpu;
    }
    return NULL;
}

static const char *parse_privileges(const struct tree_property *p, struct tree_bytes v, void *out)
{
    struct domain_config *dom = out;

    if (!tree_is_strings(v))
        return p->expected;
    for (size_t at = 0; at < v.size; at += strlen(v.data + at) + 1) {
        const char *name = v.data + at;

        if (strcmp(name, "console-read") == 0)
            dom->privileges |= PRIV_CONSOLE_READ;
        else if (strcmp(name, "foreign-map") == 0)
            dom->privileges |= PRIV_FOREIGN_MAP;
        else if (strcmp(name, "control") == 0)
            dom->privileges |= PRIV_CONTROL;
        else if (strcmp(name, "linear-page-tables") == 0)
            dom->privileges |= PRIV_LINEAR_TABLES;
        else
            return p->expected;
    }
    return NULL;
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
    {"cpus", parse_cpus, .expected = "host CPUs <0 .. 63>, each at most once"},
    {"privileges", parse_privileges,
     .expected = "a list of \"console-read\", \"foreign-map\", \"control\", "
                 "\"linear-page-tables\""},
    {"no-console-write", tree_parse_flag, .expected = "no value", FIELD(no_console_write)},
    {"abi-version", tree_parse_cell, TREE_RANGE(1, 65535, ""), FIELD(abi_version)},
    {0},
};

bool config_domain(const struct system_config *sys, unsigned index, struct domain_config *dom)
{
    *dom = (struct domain_config){
        .bootargs = "",
        .cpus = ~0ul,
        .vcpus = 1,
        .weight = CONFIG_WEIGHT,
        .id = (uint16_t)(index + 1),
    };
    if (!tree_read_named(sys->fdt, sys->domain[index].node, "/domains/", dom->name,
                         domain_properties, dom))
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
static const char *parse_ends(const struct tree_property *p, struct tree_bytes v, void *out)
{
    struct wire_config *wire = out;
    const bool page = wire->kind == LAMINA_WIRE_shared_page;

    if (v.size != p->min)
        return p->expected;
    for (size_t i = 0; i < v.size / 4; i++) {
        struct wire_config_end *end = &wire->end[p->max + i / 2];
        const uint32_t cell = tree_cell(v, i);

        if (i % 2 == 0) {
            end->domid = domid_of(wire->sys, cell);
            if (end->domid == 0)
                return "the label of a node in /domains where <&LABEL> stands";
        } else {
            end->number = cell;
            if (page && (cell < 8 || cell > 32767))
                return "a grant reference 8 .. 32767";
            if (!page && (cell < 1 || cell > 4095))
                return "ports 1 .. 4095";
        }
    }
    return NULL;
}

static const struct tree_property event_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,event-channel\"", .required = true},
    {"ends", parse_ends, .expected = "<&DOMAIN PORT &DOMAIN PORT>", .min = 16, .required = true},
    {0},
};

static const struct tree_property page_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,shared-page\"", .required = true},
    {"owner", parse_ends, .expected = "<&DOMAIN REFERENCE>", .min = 8, .required = true},
    {"peer", parse_ends, .expected = "<&DOMAIN>", .min = 4, .max = 1, .required = true},
    {0},
};

int config_next_wire(const struct system_config *sys, int after)
{
    if (after >= 0)
        return fdt_next_subnode(sys->fdt, after);
    return sys->wiring < 0 ? -1 : fdt_first_subnode(sys->fdt, sys->wiring);
}

bool config_wire(const struct system_config *sys, int offset, struct wire_config *wire)
{
    const struct tree_property *properties = event_properties;

    *wire = (struct wire_config){.sys = sys, .kind = LAMINA_WIRE_event_channel};
    if (fdt_node_check_compatible(sys->fdt, offset, "lamina,shared-page") == 0) {
        wire->kind = LAMINA_WIRE_shared_page;
        properties = page_properties;
    } else if (fdt_node_check_compatible(sys->fdt, offset, "lamina,event-channel") != 0) {
        struct tree_node node = tree_node(sys->fdt, offset, "/wiring/");

        tree_refuse_compatible(&node, "\"lamina,event-channel\" or \"lamina,shared-page\"");
        return false;
    }
    if (!tree_read_named(sys->fdt, offset, "/wiring/", wire->name, properties, wire))
        return false;
    if (wire->kind == LAMINA_WIRE_shared_page)
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
    int error;

    if (!blob || size == 0)
        log_line("system tree: missing: expected a device tree blob as the first boot module");
    else if (size < sizeof(struct fdt_header))
        log_line("system tree: truncated: %zu bytes: expected a header of %zu", size,
                 sizeof(struct fdt_header));
    else if (fdt_magic(blob) != FDT_MAGIC)
        log_line("system tree: not a device tree blob: begins with %#x: expected %#x",
                 fdt_magic(blob), FDT_MAGIC);
    else if (fdt_version(blob) < FDT_VERSION || fdt_last_comp_version(blob) > FDT_VERSION)
        log_line("system tree: format version %u, compatible with %u: expected version %u",
                 fdt_version(blob), fdt_last_comp_version(blob), FDT_VERSION);
    else if (fdt_totalsize(blob) > size)
        log_line("system tree: truncated: %zu bytes: expected %u as its header says", size,
                 fdt_totalsize(blob));
    else if (fdt_off_dt_struct(blob) % 4 != 0)
        log_line("system tree: garbage: structure block at offset %#x: expected a multiple of 4",
                 fdt_off_dt_struct(blob));
    else if ((error = fdt_check_full(blob, fdt_totalsize(blob))) != 0)
        log_line("system tree: garbage: libfdt says %s: expected a valid device tree blob",
                 fdt_strerror(error));
    else
        return true;
    return false;
}

static bool list_domains(struct system_config *sys, int domains)
{
    int at;

    fdt_for_each_subnode(at, sys->fdt, domains)
    {
        if (sys->nr_domains == CONFIG_MAX_DOMAINS) {
            log_line("/domains: more than %u nodes: expected at most that many",
                     CONFIG_MAX_DOMAINS);
            return false;
        }
        sys->domain[sys->nr_domains].node = at;
        sys->domain[sys->nr_domains++].phandle = fdt_get_phandle(sys->fdt, at);
    }
    if (sys->nr_domains == 0)
        log_line("/domains: has no node: expected one for each domain");
    return sys->nr_domains > 0;
}

/* The nodes right under the root; returns that of /domains, or a negative number. */
static int read_top_nodes(struct system_config *sys)
{
    int at, domains = -1;

    fdt_for_each_subnode(at, sys->fdt, 0)
    {
        struct tree_node node = tree_node(sys->fdt, at, "/");

        if (strcmp(node.path, "/domains") == 0) {
            domains = at;
            tree_read(&node, no_properties, NULL);
        } else if (strcmp(node.path, "/wiring") == 0) {
            sys->wiring = at;
            tree_read(&node, no_properties, NULL);
        } else if (strcmp(node.path, "/hypervisor") == 0) {
            if (tree_expect_leaf(&node))
                tree_read(&node, hypervisor_properties, sys);
        } else if (strcmp(node.path, "/aliases") != 0 && memcmp(node.path, "/__", 3) != 0) {
            log_line("%s: unknown node: expected /domains, /wiring or /hypervisor", node.path);
            node.errors++;
        }
        sys->refused += node.errors;
    }
    return domains;
}

bool config_open(struct system_config *sys, const void *blob, size_t size)
{
    struct tree_node root = {.fdt = blob, .path = "/"};
    int domains;

    memset(sys, 0, sizeof(*sys));
    sys->fdt = blob;
    sys->wiring = -1;
    if (!check_blob(blob, size))
        return false;
    if (fdt_node_check_compatible(blob, 0, "lamina,system-v1") != 0) {
        tree_refuse_compatible(&root, root_properties[0].expected);
        return false;
    }
    tree_read(&root, root_properties, NULL);
    sys->refused = root.errors;
    domains = read_top_nodes(sys);
    if (domains < 0) {
        log_line("/domains is missing: expected a node for each domain");
        return false;
    }
    return list_domains(sys, domains);
}
