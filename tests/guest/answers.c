/* What calls answer in the cases that no other guest here comes to: so that the texts of
 * abi/hypercalls.def are what both hypervisors do. */
#include "check.h"

#define READ_ONLY      (LM_PTE_DATA & ~LM_PTE_WRITE)
#define NO_SUCH_DOMAIN 0x6fff
#define NO_SUCH_MFN    (1ul << 39)
#define NON_CANONICAL  0x8000000000000000ul
#define NOTHING        0x5000ul /* an address where nothing is mapped */

static uint16_t self;

/* --- entry points --- */

static long register_callback(unsigned type, uint64_t address)
{
    struct callback_register reg = {.type = type, .address = address};

    return hypercall_callback_op(CALLBACKOP_register, &reg);
}

static long unregister_callback(unsigned type)
{
    struct callback_unregister reg = {.type = type};

    return hypercall_callback_op(CALLBACKOP_unregister, &reg);
}

static void entry_points(void)
{
    struct trap_info traps[] = {{3, 3, FLAT_KERNEL_CS, NON_CANONICAL}, {.address = 0}};

    check(hypercall_set_trap_table(traps), -XEN_EINVAL, "a trap handler that is not canonical");
    check(hypercall_set_callbacks(NON_CANONICAL, NON_CANONICAL, NON_CANONICAL), 0,
          "set_callbacks passes over what is not canonical");
    check(register_callback(CALLBACKTYPE_failsafe, NON_CANONICAL), -XEN_EINVAL,
          "callback_op does not");
    check(register_callback(99, 0), -XEN_ENOSYS, "register an unknown type");
    check(unregister_callback(CALLBACKTYPE_event), -XEN_EINVAL, "unregister the event callback");
    check(unregister_callback(CALLBACKTYPE_nmi), 0, "unregister the NMI callback");
    check(unregister_callback(99), -XEN_ENOSYS, "unregister an unknown type");
    check(hypercall_callback_op(99, traps), -XEN_ENOSYS, "unknown callback_op");
}

static void call_gate(void)
{
    const uint64_t *page = check_page();
    uint64_t gate = 0x0000ec0000000000ul | (uint64_t)FLAT_KERNEL_CS << 16;

    check(hypercall_update_descriptor(lm_virt_to_mfn(page) << LM_PAGE_SHIFT, gate),
          on_lamina() ? -XEN_EINVAL : 0, "a well-formed call gate");
}

/* --- page tables --- */

static long update(unsigned cmd, const uint64_t *entry, uint64_t val, uint32_t foreigndom)
{
    struct mmu_update req = {
        .ptr = lm_virt_to_mfn(entry) << LM_PAGE_SHIFT | ((uint64_t)entry & (LM_PAGE_SIZE - 1)),
        .val = val,
    };

    req.ptr |= cmd;
    return hypercall_mmu_update(&req, 1, NULL, foreigndom);
}

static void updates(void)
{
    const char *page = check_page();
    const uint64_t *entry = lm_pt_entry(lm_boot_root(), page, 1);
    uint64_t was = lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA);
    uint64_t others = lm_pte(lm_virt_to_mfn(lm_boot_root()), LM_PTE_DATA);

    check(update(MMU_PT_UPDATE_NO_TRANSLATE, entry, was, DOMID_SELF), 0,
          "command 3 updates as command 0 does");
    check(update(MMU_PT_UPDATE_NO_TRANSLATE, entry, others, DOMID_SELF), -XEN_EBUSY,
          "and checks as it does");
    check(update(4, entry, was, DOMID_SELF), -XEN_ENOSYS, "command 4");
    check(update(7, entry, was, DOMID_SELF), -XEN_ENOSYS, "command 7");
    check(update(0, entry, was, self), -XEN_ESRCH, "the own number as foreign domain");
    check(update(0, entry, was, (NO_SUCH_DOMAIN + 1) << 16 | DOMID_SELF), -XEN_ESRCH,
          "page tables of a domain that is not there");
    check(update(0, entry, was | 1ul << 52, DOMID_SELF), 0, "available bits above the address");

    check(hypercall_update_va_mapping((uint64_t)page, others, UVMF_NONE), -XEN_EBUSY,
          "update_va_mapping: a page table, writable");
    check(hypercall_update_va_mapping((uint64_t)page, lm_pte(NO_SUCH_MFN, READ_ONLY), UVMF_NONE),
          -XEN_EPERM, "update_va_mapping: a frame beyond memory");
    check(hypercall_update_va_mapping((uint64_t)page, was & ~LM_PTE_WRITE,
                                      UVMF_INVLPG | NON_CANONICAL),
          -XEN_EFAULT, "update_va_mapping: a vCPU bitmap that cannot be read");
    check(*entry & (LM_PTE_WRITE | LM_PTE_PRESENT), LM_PTE_PRESENT, "the entry is changed then");
    check(hypercall_update_va_mapping((uint64_t)page, was, UVMF_FLUSHTYPE_MASK), 0,
          "update_va_mapping: an unknown kind of flush");
    check(hypercall_update_va_mapping_otherdomain((uint64_t)page, was, UVMF_NONE, DOMID_SELF), 0,
          "update_va_mapping_otherdomain: DOMID_SELF");
    check(hypercall_update_va_mapping_otherdomain((uint64_t)page, was, UVMF_NONE, self), -XEN_ESRCH,
          "update_va_mapping_otherdomain: the own number");
    check(hypercall_update_va_mapping_otherdomain((uint64_t)page, was, UVMF_NONE, NO_SUCH_DOMAIN),
          -XEN_ESRCH, "update_va_mapping_otherdomain: no such domain");
}

static long extended(struct mmuext_op op)
{
    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

#define MMUEXT(...) extended((struct mmuext_op){__VA_ARGS__})

static void extended_operations(void)
{
    uint64_t *page = check_page(), *other = check_page();
    uint64_t mfn = lm_virt_to_mfn(page), root = lm_virt_to_mfn(lm_boot_root());
    struct mmuext_op op = {.cmd = MMUEXT_TLB_FLUSH_LOCAL};

    page[0] = lm_pte(NO_SUCH_MFN, READ_ONLY);
    lm_protect(page, READ_ONLY);
    check(MMUEXT(.cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn), -XEN_EPERM,
          "pin an L1 with a frame beyond memory");
    other[0] = lm_pte(mfn, LM_PTE_TABLE);
    lm_protect(other, READ_ONLY);
    check(MMUEXT(.cmd = MMUEXT_PIN_L2_TABLE, .arg1.mfn = lm_virt_to_mfn(other)), -XEN_EPERM,
          "pin an L2 above it");
    lm_protect(other, LM_PTE_DATA);
    lm_protect(page, LM_PTE_DATA);
    page[0] = 1;

    check(MMUEXT(.cmd = MMUEXT_TLB_FLUSH_MULTI, .arg2.vcpumask = (void *)NON_CANONICAL),
          -XEN_EINVAL, "TLB_FLUSH_MULTI with a bad bitmap");
    check(MMUEXT(.cmd = MMUEXT_INVLPG_MULTI, .arg2.vcpumask = (void *)NON_CANONICAL), -XEN_EINVAL,
          "INVLPG_MULTI with a bad bitmap");
    check(MMUEXT(.cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = NON_CANONICAL), 0,
          "INVLPG_LOCAL of an address that is not canonical");
    check(MMUEXT(.cmd = MMUEXT_INVLPG_ALL, .arg1.linear_addr = HYPERVISOR_VIRT_START), 0,
          "INVLPG_ALL of the hypervisor's");
    check(MMUEXT(.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = lm_virt_to_mfn(other), .arg2.src_mfn = mfn),
          0, "copy_page");
    check(other[0], 1, "it is copied");
    check(MMUEXT(.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = root, .arg2.src_mfn = mfn), -XEN_EINVAL,
          "copy_page onto a page table");
    check(MMUEXT(.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = mfn, .arg2.src_mfn = NO_SUCH_MFN),
          -XEN_EINVAL, "copy_page of no frame");
    check(MMUEXT(.cmd = MMUEXT_COPY_PAGE, .arg1.mfn = mfn, .arg2.src_mfn = root), 0,
          "copy_page of a page table");
    check(MMUEXT(.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = mfn), 0, "clear_page");
    check(page[511], 0, "it is clear");
    check(MMUEXT(.cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = root), -XEN_EINVAL,
          "clear_page of a page table");
    check(MMUEXT(.cmd = MMUEXT_MARK_SUPER, .arg1.mfn = mfn), -XEN_EOPNOTSUPP, "mark_super");
    check(MMUEXT(.cmd = MMUEXT_UNMARK_SUPER, .arg1.mfn = mfn), -XEN_EOPNOTSUPP, "unmark_super");
    check(MMUEXT(.cmd = MMUEXT_FLUSH_CACHE), on_lamina() ? -XEN_EACCES : 0,
          "flush_cache is for domains with devices");
    check(MMUEXT(.cmd = MMUEXT_FLUSH_CACHE_GLOBAL), on_lamina() ? -XEN_EACCES : 0,
          "flush_cache_global too");
    check(hypercall_mmuext_op(&op, 1, (uint32_t *)NOTHING, DOMID_SELF), 0,
          "mmuext_op whose count cannot be written");
    check(hypercall_mmuext_op(&op, 1, NULL, self), -XEN_ESRCH, "mmuext_op for the own number");
    check(hypercall_mmuext_op(&op, 1, NULL, NO_SUCH_DOMAIN), -XEN_ESRCH, "mmuext_op for no domain");
}

/* --- memory --- */

static void memory(void)
{
    uint64_t frames[3] = {lm_virt_to_mfn(check_page()), NO_SUCH_MFN, lm_virt_to_mfn(check_page())};
    struct xen_memory_reservation r = {
        .extent_start = frames, .nr_extents = 3, .domid = DOMID_SELF};
    struct xen_memory_domain which = {.domid = DOMID_SELF};
    uint64_t last_mfn = ~0ul;
    struct xen_machphys_mapping m2p;
    uint64_t pfn = lm_mfn_to_pfn(frames[0]);
    void *gone = lm_pfn_to_virt(pfn);
    long pages = hypercall_memory_op(XENMEM_current_reservation, &which);

    check(pages > 0, true, "current_reservation");
    check(hypercall_memory_op(XENMEM_maximum_reservation, &which) >= pages, true,
          "maximum_reservation");
    which.domid = NO_SUCH_DOMAIN;
    check(hypercall_memory_op(XENMEM_current_reservation, &which), -XEN_ESRCH,
          "current_reservation of no domain");
    check(hypercall_memory_op(XENMEM_machphys_mapping, &m2p), 0, "machphys_mapping");
    check(m2p.v_start, MACH2PHYS_VIRT_START, "machphys_mapping: where it is");

    lm_map(gone, 0);
    check(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1,
          "decrease_reservation stops at a frame that is not ours");
    which.domid = DOMID_SELF;
    check(hypercall_memory_op(XENMEM_current_reservation, &which), pages - 1, "one page is gone");
    check(hypercall_memory_op(XENMEM_decrease_reservation | 3ul << 6, &r), 3,
          "decrease_reservation that begins at its end");
    r.domid = NO_SUCH_DOMAIN;
    check(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0,
          "decrease_reservation of no domain");
    r = (struct xen_memory_reservation){
        .extent_start = &last_mfn, .nr_extents = 1, .domid = DOMID_SELF};
    check(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0,
          "decrease_reservation of the last number");
    r.extent_order = 9;
    check(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0,
          "decrease_reservation of 512 pages from there");
    r = (struct xen_memory_reservation){
        .extent_start = frames, .nr_extents = 1, .domid = DOMID_SELF};
    r.extent_order = 60;
    check(hypercall_memory_op(XENMEM_populate_physmap, &r), 0, "populate_physmap of 2^60 pages");
    r.extent_order = 0;
    frames[0] = pfn;
    check(hypercall_memory_op(XENMEM_populate_physmap, &r), 1, "populate_physmap");
    check(lm_mfn_to_pfn(frames[0]), pfn, "its M2P entry");
    check(lm_map(gone, lm_pte(frames[0], LM_PTE_DATA)), 0, "it can be mapped");
    if (on_lamina()) {
        frames[0] = pfn;
        check(hypercall_memory_op(XENMEM_populate_physmap, &r), 0,
              "populate_physmap beyond the allowance");
    }
}

static void modes(void)
{
    const uint64_t all = 0x3f | 1ul << VMASST_TYPE_m2p_strict;
    uint64_t known = 0;

    for (unsigned type = 0; type < 64; type++)
        if (hypercall_vm_assist(VMASST_CMD_disable, type) == 0)
            known |= 1ul << type;
    check(known, all, "vm_assist: types 0 to 5 and 32");
    check(hypercall_vm_assist(9, VMASST_TYPE_writable_pagetables), -XEN_ENOSYS,
          "vm_assist: unknown command");
    check(hypercall_vm_assist(9, 77), -XEN_EINVAL, "vm_assist: unknown command and type");
}

/* --- time and vCPUs --- */

static long register_info(uint64_t mfn, uint32_t offset)
{
    struct vcpu_register_vcpu_info reg = {.mfn = mfn, .offset = offset};

    return hypercall_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg);
}

static long register_runstate(uint64_t address)
{
    struct vcpu_register_runstate_memory_area area = {.addr.v = (void *)address};

    return hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area);
}

static long periodic(uint64_t period)
{
    struct vcpu_set_periodic_timer set = {.period_ns = period};

    return hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &set);
}

static long pin_override(int32_t cpu)
{
    struct sched_pin_override pin = {.pcpu = cpu};

    return hypercall_sched_op(SCHEDOP_pin_override, &pin);
}

static void vcpus(void)
{
    uint64_t mfn = lm_virt_to_mfn(check_page());
    struct vcpu_runstate_info state;

    check(register_info(mfn, LM_PAGE_SIZE - 8), on_lamina() ? -XEN_EINVAL : -XEN_ENXIO,
          "vcpu_info across its page");
    check(register_info(mfn, 4), on_lamina() ? -XEN_EINVAL : -XEN_ENXIO, "vcpu_info, misaligned");
    check(register_info(NO_SUCH_MFN, 0), -XEN_EINVAL, "vcpu_info beyond memory");
    check(register_info(lm_virt_to_mfn(lm_boot_root()), 0), -XEN_EINVAL,
          "vcpu_info in a page table");
    check(register_runstate(HYPERVISOR_VIRT_START), -XEN_EFAULT, "runstate in the hypervisor");
    check(register_runstate(NOTHING), on_lamina() ? -XEN_EFAULT : 0,
          "runstate where nothing is mapped");
    check(register_runstate((uint64_t)&state), 0, "runstate");
    check(state.state, RUNSTATE_running, "it is written at once");
    check(register_runstate(0), 0, "no runstate");
    check(hypercall_vcpu_op(VCPUOP_get_runstate_info, 0, &state), 0, "get_runstate_info");
    check(state.state, RUNSTATE_running, "get_runstate_info: running");
    check(periodic(999999), -XEN_EINVAL, "a period below a millisecond");
    check(periodic(1ul << 63), -XEN_EINVAL, "a period of 2^63 ns");
    check(periodic(1ul << 62), -XEN_EINVAL, "a period of 2^62 ns");
    check(periodic((1ul << 62) - 1), 0, "the longest period");
    check(hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0, "stop_periodic_timer");
    check(hypercall_set_timer_op(1ul << 63), 0, "a timer beyond all time");
    check(hypercall_set_timer_op(0), 0, "and none");
    check(pin_override(0), on_lamina() ? -XEN_ENOSYS : 0, "pin_override, for Xen's first domain");
    check(pin_override(0), on_lamina() ? -XEN_ENOSYS : -XEN_EBUSY, "once more");
    check(pin_override(-1), on_lamina() ? -XEN_ENOSYS : 0, "undone");
    check(pin_override(-1), on_lamina() ? -XEN_ENOSYS : -XEN_EINVAL, "once more");
    check(hypercall_vcpu_op(63, 0, &state), -XEN_ENOSYS, "unknown vcpu_op");
}

/* --- events and grants --- */

static long event_op(unsigned cmd, uint32_t port, uint32_t vcpu)
{
    struct evtchn_bind_vcpu bind = {.port = port, .vcpu = vcpu};

    return hypercall_event_channel_op(cmd, &bind);
}

static void events(void)
{
    struct evtchn_status status = {.dom = NO_SUCH_DOMAIN, .port = 1};
    int ipi = lm_event_bind_ipi(0), unbound = lm_event_alloc(DOMID_SELF);
    int timer = lm_event_bind_virq(VIRQ_TIMER, 0), debug = lm_event_bind_virq(VIRQ_DEBUG, 0);

    check(lm_event_alloc(NO_SUCH_DOMAIN) > 0, true, "a port for a domain that may come");
    check(hypercall_event_channel_op(EVTCHNOP_status, &status), -XEN_ESRCH, "status of no domain");
    check(event_op(EVTCHNOP_bind_vcpu, unbound, 0), 0, "bind_vcpu of an unbound port");
    check(event_op(EVTCHNOP_bind_vcpu, unbound, 77), -XEN_ENOENT, "bind_vcpu to no vCPU");
    check(event_op(EVTCHNOP_bind_vcpu, ipi, 0), -XEN_EINVAL, "bind_vcpu of an IPI");
    check(event_op(EVTCHNOP_bind_vcpu, timer, 0), -XEN_EINVAL, "bind_vcpu of a vCPU's VIRQ");
    check(event_op(EVTCHNOP_bind_vcpu, 99999, 0), -XEN_EINVAL, "bind_vcpu of no port");
    check(lm_event_bind_virq(VIRQ_CONSOLE, 0) > 0, true, "anyone binds a global VIRQ");
    check(lm_event_send(timer), -XEN_EINVAL, "send on a VIRQ");
    check(event_op(EVTCHNOP_unmask, 99999, 0), -XEN_EINVAL, "unmask no port");
    check(event_op(EVTCHNOP_unmask, unbound, 0), 0, "unmask an unbound port");
    check(event_op(EVTCHNOP_close, debug, 0), 0, "close a VIRQ");
    check(event_op(EVTCHNOP_close, debug, 0), -XEN_EINVAL, "close it again");
    check(event_op(EVTCHNOP_close, 0, 0), -XEN_EINVAL, "close port 0");
}

static void grants(void)
{
    static char area[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
    static char window[LM_PAGE_SIZE] __attribute__((aligned(LM_PAGE_SIZE)));
    struct lm_grants table;
    char *page = check_page();
    int ref, bad, ours;
    struct gnttab_map_grant_ref map = {.flags = GNTMAP_host_map, .dom = self};
    struct gnttab_unmap_grant_ref unmap = {.dev_bus_addr = 0x1000};
    struct gnttab_copy copy = {.source.domid = self, .dest.domid = DOMID_SELF, .len = 8};

    check(lm_grants_init(&table, area, 1), 0, "the grant table");
    ref = lm_grant_access(&table, self, lm_virt_to_mfn(page), false);
    bad = lm_grant_access(&table, self, 1ul << 31, false);
    ours = lm_grant_access(&table, self, lm_virt_to_mfn(lm_boot_root()), false);
    map.host_addr = (uint64_t)window;
    map.ref = bad;
    hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
    check(map.status, GNTST_bad_page, "map a frame beyond memory");
    map.ref = ours;
    hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
    check(map.status, GNTST_general_error, "map a page table writable");
    map.ref = ref;
    map.host_addr = NOTHING;
    hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
    check(map.status, GNTST_general_error, "map where no L1 table is");
    map.host_addr = (uint64_t)window;
    hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);
    check(map.status, 0, "map");
    check(map.dev_bus_addr, lm_virt_to_mfn(page) << LM_PAGE_SHIFT, "map: the machine address");
    unmap.handle = map.handle;
    hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
    check(unmap.status, on_lamina() ? GNTST_general_error : 0,
          "unmap with a machine address, not mapped for devices");
    unmap.dev_bus_addr = 0;
    unmap.host_addr = (uint64_t)area;
    hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
    check(unmap.status, GNTST_general_error, "unmap at another address");
    unmap.host_addr = (uint64_t)window;
    hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
    check(unmap.status, 0, "unmap");

    copy.source.u.gmfn = copy.dest.u.gmfn = lm_virt_to_mfn(page);
    hypercall_grant_table_op(GNTTABOP_copy, &copy, 1);
    check(copy.status, GNTST_permission_denied, "copy of a frame by the own number");
    copy.source.domid = NO_SUCH_DOMAIN;
    copy.flags = GNTCOPY_source_gref;
    copy.source.u.ref = ref;
    hypercall_grant_table_op(GNTTABOP_copy, &copy, 1);
    check(copy.status, GNTST_bad_domain, "copy from no domain");
    copy.source.domid = self;
    copy.source.u.ref = 1u << 20;
    hypercall_grant_table_op(GNTTABOP_copy, &copy, 1);
    check(copy.status, GNTST_bad_gntref, "copy from no reference");
    copy.source.domid = DOMID_SELF;
    copy.source.u.ref = ref;
    hypercall_grant_table_op(GNTTABOP_copy, &copy, 1);
    check(copy.status, 0, "copy from a reference of DOMID_SELF");
    copy.flags = 0;
    copy.source.u.gmfn = NO_SUCH_MFN;
    hypercall_grant_table_op(GNTTABOP_copy, &copy, 1);
    check(copy.status, GNTST_bad_page, "copy from a frame beyond memory");
}

/* --- the rest --- */

static void iret_in_multicall(void)
{
    struct multicall_entry call = {.op = __HYPERVISOR_iret};

    if (!on_lamina()) {
        check_skip("iret in a multicall", "Xen makes it");
        return;
    }
    check(hypercall_multicall(&call, 1), 0, "iret in a multicall: the multicall");
    check(call.result, -XEN_ENOSYS, "iret in a multicall");
}

static void information(void)
{
    struct xen_feature_info features = {.submap_idx = XENFEAT_NR_SUBMAPS};
    struct xen_build_id id = {.len = 0};
    struct physdev_set_iopl iopl = {.iopl = 4};
    struct physdev_set_iobitmap bitmap = {.nr_ports = 65537};
    long length = hypercall_xen_version(XENVER_build_id, NULL);

    check(hypercall_xen_version(XENVER_version, NULL), 4 << 16 | 17, "version");
    check(hypercall_xen_version(XENVER_pagesize, NULL), 4096, "pagesize");
    check(hypercall_xen_version(XENVER_get_features, &features), -XEN_EINVAL, "no such features");
    check(hypercall_xen_version(99, &features), -XEN_ENOSYS, "unknown xen_version");
    if (length > 0) {
        check(hypercall_xen_version(XENVER_build_id, &id), -XEN_EINVAL, "build id of no bytes");
        id.len = 1;
        check(hypercall_xen_version(XENVER_build_id, &id), -XEN_ENOBUFS, "build id of one byte");
    }
    check(hypercall_console_io(99, 0, NULL), -XEN_ENOSYS, "unknown console_io");
    check(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), -XEN_EINVAL, "I/O privilege level 4");
    check(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &bitmap), -XEN_EINVAL, "65537 ports");
}

static long pause(uint16_t domain, uint32_t version)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_pausedomain, .interface_version = version, .domain = domain};

    return hypercall_domctl(&op);
}

/* Xen's first domain has the privilege; ours here has none. */
static void other_domains(void)
{
    check(pause(self, 0), -XEN_EACCES, "pause, of another version");
    check(pause(self, XEN_DOMCTL_INTERFACE_VERSION), on_lamina() ? -XEN_EPERM : -XEN_EINVAL,
          "pause oneself");
    check(pause(NO_SUCH_DOMAIN, XEN_DOMCTL_INTERFACE_VERSION),
          on_lamina() ? -XEN_EPERM : -XEN_ESRCH, "pause nobody");
}

int main(void)
{
    self = check_own_domid();
    entry_points();
    call_gate();
    updates();
    extended_operations();
    memory();
    modes();
    vcpus();
    events();
    grants();
    iret_in_multicall();
    other_domains();
    information();
    return check_done();
}
