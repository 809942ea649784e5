/* Hypercalls xen_version and lamina_op: what this hypervisor is. */
#include "core/audit.h"
#include "core/hypercall.h"
#include "core/wiring.h"
#include "lib/string.h"

#define XEN_MAJOR 4 /* whose ABI we speak */
#define XEN_MINOR 17

static long put(guest_ptr_t to, const void *from, size_t bytes)
{
    return copy_to_guest(to, from, bytes) ? 0 : -XEN_EFAULT;
}

static long get_features(guest_ptr_t arg)
{
    struct xen_feature_info fi;

    if (!copy_from_guest(&fi, arg, sizeof(fi)))
        return -XEN_EFAULT;
    if (fi.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -XEN_EINVAL;
    fi.submap = 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
                1u << XENFEAT_gnttab_map_avail_bits | 1u << XENFEAT_not_direct_mapped;
    return put(arg, &fi, sizeof(fi));
}

/* The linker's, which the build asks for. It is an ELF note: three words, the name "GNU", the id.
 */
static long build_id(guest_ptr_t arg)
{
    extern const uint32_t build_id_note[];
    const uint32_t length = build_id_note[1];
    struct xen_build_id b;

    if (!arg.addr)
        return length;
    if (!copy_from_guest(&b, arg, sizeof(b)))
        return -XEN_EFAULT;
    if (b.len == 0)
        return -XEN_EINVAL;
    if (b.len < length)
        return -XEN_ENOBUFS;
    arg = guest_ptr_at(arg, offsetof(struct xen_build_id, buf));
    return copy_to_guest(arg, &build_id_note[4], length) ? (long)length : -XEN_EFAULT;
}

static __attribute__((noinline)) long tell(uint32_t cmd, guest_ptr_t arg)
{
    static const char extraversion[XEN_EXTRAVERSION_LEN] = ".lamina";
    static const char capabilities[XEN_CAPABILITIES_INFO_LEN] = "xen-3.0-x86_64 ";
    static const char changeset[XEN_CHANGESET_INFO_LEN] = LAMINA_VERSION;
    static const char command_line[XEN_COMMANDLINE_LEN]; /* no options: the system tree has them */
    static const struct xen_compile_info compile = {
        .compiler = __VERSION__, .compile_by = "lamina", .compile_date = __DATE__};
    static const struct xen_platform_parameters platform = {.virt_start = HYPERVISOR_VIRT_START};
    uint8_t handle[XEN_DOMAIN_HANDLE_LEN] = {0};

    switch (cmd) {
    case XENVER_extraversion:
        return put(arg, extraversion, sizeof(extraversion));
    case XENVER_compile_info:
        return put(arg, &compile, sizeof(compile));
    case XENVER_capabilities:
        return put(arg, capabilities, sizeof(capabilities));
    case XENVER_changeset:
        return put(arg, changeset, sizeof(changeset));
    case XENVER_platform_parameters:
        return put(arg, &platform, sizeof(platform));
    case XENVER_get_features:
        return get_features(arg);
    case XENVER_pagesize:
        return PAGE_SIZE;
    case XENVER_guest_handle:
        memcpy(handle, &current->domain->id, sizeof(current->domain->id));
        return put(arg, handle, sizeof(handle));
    case XENVER_commandline:
        return put(arg, command_line, sizeof(command_line));
    case XENVER_build_id:
        return build_id(arg);
    default:
        return -XEN_ENOSYS;
    }
}

/* The version alone without the registers that the rest needs: guests call it to let events in. */
long do_xen_version(uint32_t cmd, guest_ptr_t arg)
{
    if (!subop_exists(__HYPERVISOR_xen_version, cmd))
        return -XEN_ENOSYS;
    return cmd == XENVER_version ? XEN_MAJOR << 16 | XEN_MINOR : tell(cmd, arg);
}

static long version(struct vcpu *v, struct lamina_version *versions)
{
    *versions = (struct lamina_version){LAMINA_ABI_VERSION, v->domain->abi->number};
    return 0;
}

static long wire(struct vcpu *v, struct lamina_wire *w)
{
    if (!memchr(w->name, '\0', sizeof(w->name)))
        return -XEN_EINVAL;
    return wiring_find(v->domain->id, w) ? 0 : -XEN_ENOENT;
}

long do_lamina_op(uint32_t cmd, guest_ptr_t arg)
{
    static const struct operation ops[] = {
        [LAMINA_OP_version] = OPERATION(version, struct lamina_version, true),
        [LAMINA_OP_wire] = OPERATION(wire, struct lamina_wire, true),
        [LAMINA_OP_audit] = AUDIT_OPERATION,
    };

    return operation_call(__HYPERVISOR_lamina_op, ops, ARRAY_LEN(ops), cmd, current, arg);
}
