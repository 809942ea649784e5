#include <libfdt.h>

#include "core/config.h"
#include "core/domain.h"
#include "core/log.h"
#include "lib/string.h"

#define FDT_VERSION     17
#define FDT_HEADER_SIZE 40
#define MAX_BLOB        0x7fffffff /* libfdt counts in int */

_Static_assert(DOMAIN_NAME_MAX == TREE_NAME_MAX + 1, "domain names are node names");
_Static_assert(LAMINA_WIRE_NAME_LEN == TREE_NAME_MAX + 1, "wire names are node names");
_Static_assert(MAX_VCPUS == 64 && MAX_GUEST_CMDLINE == 1024, "as docs/system-tree.md says");

/* --- domains --- */

static const char *parse_memory(const struct tree_property *p, struct tree_bytes v, void *out)
{
    struct domain_config *dom = out;
    uint32_t mib = 0;
    const char *expected = tree_parse_cell(p, v, &mib);

    dom->pages = (uint64_t)mib << (20 - PAGE_SHIFT);
    return expected;
}

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
    static const struct {
        const char *name;
        uint32_t bit;
    } known[] = {
        {"console-read", PRIV_CONSOLE_READ},
        {"foreign-map", PRIV_FOREIGN_MAP},
        {"control", PRIV_CONTROL},
    };
    struct domain_config *dom = out;

    if (!tree_is_strings(v))
        return p->expected;
    for (size_t at = 0; at < v.size; at += strlen(v.data + at) + 1) {
        size_t i;

        for (i = 0; i < ARRAY_LEN(known) && strcmp(v.data + at, known[i].name) != 0; i++)
            ;
        if (i == ARRAY_LEN(known))
            return p->expected;
        dom->privileges |= known[i].bit;
    }
    return NULL;
}

static const char *parse_no_console_write(const struct tree_property *p, struct tree_bytes v,
                                          void *out)
{
    struct domain_config *dom = out;

    dom->privileges &= ~PRIV_CONSOLE_WRITE;
    return v.size == 0 ? NULL : p->expected;
}

#define FIELD(member) .offset = offsetof(struct domain_config, member)

static const struct tree_property domain_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,domain\"", .required = true},
    {"kernel", tree_parse_bytes, .expected = "/incbin/(\"FILE\")", FIELD(kernel), .required = true},
    {"memory", parse_memory, TREE_RANGE(1, 1048576, " (MiB)"), .required = true},
    {"ramdisk", tree_parse_bytes, .expected = "a file that is not empty", .min = 1, FIELD(ramdisk)},
    {"bootargs", tree_parse_string, .expected = "one string of at most 1023 characters",
     .max = 1023, FIELD(bootargs)},
    {"vcpus", tree_parse_cell, TREE_RANGE(1, 64, ""), FIELD(vcpus)},
    {"weight", tree_parse_cell, TREE_RANGE(1, 65535, ""), FIELD(weight)},
    {"cap", tree_parse_cell, TREE_RANGE(0, 6400, " (percent of a CPU)"), FIELD(cap)},
    {"cpus", parse_cpus, .expected = "host CPUs <0 .. 63>, each at most once"},
    {"privileges", parse_privileges,
     .expected = "a list of \"console-read\", \"foreign-map\", \"control\""},
    {"no-console-write", parse_no_console_write, .expected = "no value"},
    {"abi-version", tree_parse_cell, TREE_RANGE(1, 65535, ""), FIELD(abi_version)},
};

bool config_domain(const struct system_config *sys, unsigned index, struct domain_config *dom)
{
    struct tree_node node = tree_node(sys->fdt, sys->domain[index].node, "/domains/");

    *dom = (struct domain_config){
        .bootargs = "",
        .cpus = ~0ul,
        .vcpus = 1,
        .weight = 256,
        .privileges = PRIV_CONSOLE_WRITE,
        .id = (uint16_t)(index + 1),
    };
    return tree_node_name(&node, &dom->name) && tree_expect_leaf(&node) &&
           tree_read(&node, domain_properties, ARRAY_LEN(domain_properties), dom);
}

/* --- wires --- */

struct wire_target {
    const struct system_config *sys;
    struct wire_config *wire;
};

/* Domain id of the node with that phandle; 0: none. */
static uint16_t domid_of(const struct system_config *sys, uint32_t phandle)
{
    for (unsigned i = 0; phandle != 0 && i < sys->nr_domains; i++)
        if (sys->domain[i].phandle == phandle)
            return (uint16_t)(i + 1);
    return 0;
}

#define NOT_A_DOMAIN "the label of a node in /domains where <&LABEL> stands"

static const char *parse_ends(const struct tree_property *p, struct tree_bytes v, void *out)
{
    const struct wire_target *target = out;

    if (v.size != 16)
        return p->expected;
    for (unsigned i = 0; i < 2; i++) {
        const uint32_t port = tree_cell(v, 2 * i + 1);

        target->wire->end[i].domid = domid_of(target->sys, tree_cell(v, 2 * i));
        target->wire->end[i].number = port;
        if (target->wire->end[i].domid == 0)
            return NOT_A_DOMAIN;
        if (port < p->min || port > p->max)
            return "ports 1 .. 4095";
    }
    return NULL;
}

static const char *parse_owner(const struct tree_property *p, struct tree_bytes v, void *out)
{
    const struct wire_target *target = out;
    struct wire_config *wire = target->wire;

    if (v.size != 8)
        return p->expected;
    wire->end[0].domid = domid_of(target->sys, tree_cell(v, 0));
    if (wire->end[0].domid == 0)
        return NOT_A_DOMAIN;
    wire->end[0].number = wire->end[1].number = tree_cell(v, 1);
    return wire->end[0].number >= p->min && wire->end[0].number <= p->max
               ? NULL
               : "a grant reference 8 .. 32767";
}

static const char *parse_peer(const struct tree_property *p, struct tree_bytes v, void *out)
{
    const struct wire_target *target = out;

    if (v.size != 4)
        return p->expected;
    target->wire->end[1].domid = domid_of(target->sys, tree_cell(v, 0));
    return target->wire->end[1].domid == 0 ? NOT_A_DOMAIN : NULL;
}

static const struct tree_property event_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,event-channel\"", .required = true},
    {"ends", parse_ends, .expected = "<&DOMAIN PORT &DOMAIN PORT>", .min = 1, .max = 4095,
     .required = true},
};

static const struct tree_property page_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,shared-page\"", .required = true},
    {"owner", parse_owner, .expected = "<&DOMAIN REFERENCE>", .min = 8, .max = 32767,
     .required = true},
    {"peer", parse_peer, .expected = "<&DOMAIN>", .required = true},
};

int config_next_wire(const struct system_config *sys, int after)
{
    if (after >= 0)
        return fdt_next_subnode(sys->fdt, after);
    return sys->wiring < 0 ? -1 : fdt_first_subnode(sys->fdt, sys->wiring);
}

bool config_wire(const struct system_config *sys, int offset, struct wire_config *wire)
{
    struct tree_node node = tree_node(sys->fdt, offset, "/wiring/");
    struct wire_target target = {sys, wire};
    bool good;

    *wire = (struct wire_config){0};
    if (!tree_node_name(&node, &wire->name))
        return false;
    if (tree_is_compatible(&node, event_properties[0].expected)) {
        wire->kind = LAMINA_WIRE_event_channel;
        good = tree_read(&node, event_properties, ARRAY_LEN(event_properties), &target);
    } else if (tree_is_compatible(&node, page_properties[0].expected)) {
        wire->kind = LAMINA_WIRE_shared_page;
        good = tree_read(&node, page_properties, ARRAY_LEN(page_properties), &target);
    } else {
        tree_refuse_compatible(&node, "\"lamina,event-channel\" or \"lamina,shared-page\"");
        good = false;
    }
    good = tree_expect_leaf(&node) && good;
    if (good && wire->end[0].domid == wire->end[1].domid) {
        log_line("%s: both ends are domain %u: expected two different domains", node.path,
                 wire->end[0].domid);
        good = false;
    }
    return good;
}

/* --- the whole tree --- */

static const struct tree_property root_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,system-v1\"", .required = true},
    {"model", tree_parse_ignored, .expected = ""},
    {"#address-cells", tree_parse_ignored, .expected = ""},
    {"#size-cells", tree_parse_ignored, .expected = ""},
};

static const char *parse_allow_unsafe_cpu(const struct tree_property *p, struct tree_bytes v,
                                          void *out)
{
    struct system_config *sys = out;

    sys->allow_unsafe_cpu = true;
    return v.size == 0 ? NULL : p->expected;
}

static const struct tree_property hypervisor_properties[] = {
    {"compatible", tree_parse_compatible, .expected = "\"lamina,hypervisor\""},
    {"allow-unsafe-cpu", parse_allow_unsafe_cpu, .expected = "no value"},
};

/* Nothing is read from a blob beyond its real size, whatever its header says. */
static bool check_blob(const void *blob, size_t size)
{
    int error;

    if (!blob || size == 0)
        log_line("system tree: missing: expected a device tree blob as the first boot module");
    else if (size < FDT_HEADER_SIZE)
        log_line("system tree: truncated: %zu bytes: expected a header of %u", size,
                 FDT_HEADER_SIZE);
    else if (fdt_magic(blob) != FDT_MAGIC)
        log_line("system tree: not a device tree blob: begins with %#x: expected %#x",
                 fdt_magic(blob), FDT_MAGIC);
    else if (fdt_version(blob) < FDT_VERSION || fdt_last_comp_version(blob) > FDT_VERSION)
        log_line("system tree: format version %u, compatible with %u: expected version %u",
                 fdt_version(blob), fdt_last_comp_version(blob), FDT_VERSION);
    else if (fdt_totalsize(blob) > size)
        log_line("system tree: truncated: %zu bytes: expected %u as its header says", size,
                 fdt_totalsize(blob));
    else if (fdt_totalsize(blob) > MAX_BLOB)
        log_line("system tree: %u bytes: expected less than 2 GiB", fdt_totalsize(blob));
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
        const char *name = fdt_get_name(sys->fdt, at, NULL);

        if (strcmp(name, "domains") == 0) {
            domains = at;
            tree_read(&node, NULL, 0, NULL);
        } else if (strcmp(name, "wiring") == 0) {
            sys->wiring = at;
            tree_read(&node, NULL, 0, NULL);
        } else if (strcmp(name, "hypervisor") == 0) {
            if (tree_expect_leaf(&node))
                tree_read(&node, hypervisor_properties, ARRAY_LEN(hypervisor_properties), sys);
        } else if (strncmp(name, "__", 2) != 0 && strcmp(name, "aliases") != 0) {
            log_line("%s: unknown node: expected /domains, /wiring or /hypervisor", node.path);
            node.errors++;
        }
        sys->refused += node.errors;
    }
    return domains;
}

bool config_open(struct system_config *sys, const void *blob, size_t size)
{
    struct tree_node root;
    int domains;

    memset(sys, 0, sizeof(*sys));
    sys->fdt = blob;
    sys->wiring = -1;
    if (!check_blob(blob, size))
        return false;
    root = tree_node(blob, 0, "/");
    if (!tree_is_compatible(&root, root_properties[0].expected)) {
        tree_refuse_compatible(&root, root_properties[0].expected);
        return false;
    }
    tree_read(&root, root_properties, ARRAY_LEN(root_properties), NULL);
    sys->refused = root.errors;
    domains = read_top_nodes(sys);
    if (domains < 0) {
        log_line("/domains is missing: expected a node for each domain");
        return false;
    }
    return list_domains(sys, domains);
}
