/* Hypercalls xen_version and lamina_op: what this hypervisor is. */
#include "core/domain.h"
#include "core/hypercall.h"
#include "core/hypercalls.h"
#include "core/info.h"
#include "core/wiring.h"
#include "lib/string.h"

#define XEN_MAJOR 4 /* whose ABI we speak */
#define XEN_MINOR 17

char hypervisor_options[XEN_COMMANDLINE_LEN];
struct build_id hypervisor_build_id;

/* Copies out a text in a buffer of `size` bytes, the rest zero. */
static long put_text(guest_ptr_t to, const char *text, size_t size)
{
    static const char zeros[64];
    size_t n = MIN(strlen(text), size - 1);

    if (!copy_to_guest(to, text, n))
        return -XEN_EFAULT;
    for (size_t part; n < size; n += part) {
        part = MIN(size - n, sizeof(zeros));
        if (!copy_to_guest(guest_ptr_at(to, n), zeros, part))
            return -XEN_EFAULT;
    }
    return 0;
}

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

static long build_id(guest_ptr_t arg)
{
    const struct build_id *id = &hypervisor_build_id;
    struct xen_build_id b;

    if (!arg.addr)
        return id->length ? (long)id->length : -XEN_ENODATA;
    if (!copy_from_guest(&b, arg, sizeof(b)))
        return -XEN_EFAULT;
    if (!id->length)
        return -XEN_ENODATA;
    if (b.len == 0)
        return -XEN_EINVAL;
    if (b.len < id->length)
        return -XEN_ENOBUFS;
    if (!copy_to_guest(guest_ptr_at(arg, offsetof(struct xen_build_id, buf)), id->bytes,
                       id->length))
        return -XEN_EFAULT;
    return id->length;
}

long do_xen_version(uint32_t cmd, guest_ptr_t arg)
{
    static const struct xen_compile_info compile = {
        .compiler = __VERSION__, .compile_by = "lamina", .compile_date = __DATE__};
    static const struct xen_platform_parameters platform = {.virt_start = HYPERVISOR_VIRT_START};
    uint8_t handle[XEN_DOMAIN_HANDLE_LEN] = {0};

    switch (cmd) {
    case XENVER_version:
        return XEN_MAJOR << 16 | XEN_MINOR;
    case XENVER_extraversion:
        return put_text(arg, ".lamina", XEN_EXTRAVERSION_LEN);
    case XENVER_compile_info:
        return put(arg, &compile, sizeof(compile));
    case XENVER_capabilities:
        return put_text(arg, "xen-3.0-x86_64 ", XEN_CAPABILITIES_INFO_LEN);
    case XENVER_changeset:
        return put_text(arg, LAMINA_VERSION, XEN_CHANGESET_INFO_LEN);
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
        return put_text(
            arg, current->domain->privileges & PRIV_CONTROL ? hypervisor_options : "<denied>",
            XEN_COMMANDLINE_LEN);
    case XENVER_build_id:
        return build_id(arg);
    default:
        return -XEN_ENOSYS;
    }
}

static long get_wire(guest_ptr_t arg)
{
    struct lamina_wire w;

    if (!copy_from_guest(&w, arg, sizeof(w)))
        return -XEN_EFAULT;
    if (!memchr(w.name, '\0', sizeof(w.name)))
        return -XEN_EINVAL;
    if (!wiring_find(current->domain->id, &w))
        return -XEN_ENOENT;
    return put(arg, &w, sizeof(w));
}

long do_lamina_op(uint32_t cmd, guest_ptr_t arg)
{
    struct lamina_version v = {abi_version_newest()->number, current->domain->abi->number};

    switch (cmd) {
    case LAMINA_OP_version:
        return put(arg, &v, sizeof(v));
    case LAMINA_OP_wire:
        return get_wire(arg);
    default:
        return -XEN_ENOSYS;
    }
}
