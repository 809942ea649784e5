/* GDT, LDT and single descriptors: what may be loaded, what is refused, and that pages in use as
 * descriptor tables cannot be written. */
#include "provoke.h"

#define READ_ONLY   (LM_PTE_DATA & ~LM_PTE_WRITE)
#define NO_SUCH_MFN (1ul << 39)

#define DATA_DPL3      0x00cff3000000fffful
#define DATA_DPL0      0x00cf93000000fffful
#define CODE64_DPL3    0x00affb000000fffful
#define TSS_AVAILABLE  0x0000890000000067ul
#define LDT_SEGMENT    0x0000820000000ffful
#define INTERRUPT_GATE 0x0000ee000000fffful
#define BAD_CALL_GATE  0x0000ec010000fffful /* a reserved bit is set */
#define DPL_BITS       (3ul << 45)

static long write_descriptor(const uint64_t *at, uint64_t value)
{
    uint64_t offset = (uint64_t)at & (LM_PAGE_SIZE - 1);

    return hypercall_update_descriptor(lm_virt_to_mfn(at) << LM_PAGE_SHIFT | offset, value);
}

static long set_gdt(uint64_t mfn, uint32_t entries)
{
    return hypercall_set_gdt(&mfn, entries);
}

static void gdt(void)
{
    uint64_t *page = check_page();
    uint64_t mfn = lm_virt_to_mfn(page);

    check(set_gdt(mfn, 512), -XEN_EINVAL, "a GDT page that is mapped writable");
    lm_protect(page, READ_ONLY);
    check(set_gdt(NO_SUCH_MFN, 512), -XEN_EINVAL, "a GDT page beyond memory");
    check(set_gdt(lm_virt_to_mfn(lm_boot_root()), 512), -XEN_EINVAL, "a page table as GDT");
    check(set_gdt(mfn, FIRST_RESERVED_GDT_ENTRY + 1), -XEN_EINVAL, "a GDT over the reserved part");
    check(set_gdt(mfn, 512), 0, "a GDT page");
    check(lm_protect(page, LM_PTE_DATA), -XEN_EBUSY, "mapping it writable");
    PROVOKE("movq $0, (%0)", : : "r"(page + 1));
    check(provoked.vector, 14, "writing to it faults");

    check(write_descriptor(&page[2], DATA_DPL3), 0, "a data segment");
    check(page[2] & ~(1ul << 40), DATA_DPL3 & ~(1ul << 40), "it is there");
    PROVOKE("movw %w0, %%fs", : : "r"(2 * 8 + 3));
    check(provoked.vector, NO_EXCEPTION, "it can be loaded");
    PROVOKE("movw %w0, %%fs", : : "r"(0));
    check(write_descriptor(&page[3], DATA_DPL0), 0, "a data segment of ring 0");
    check(page[3] & DPL_BITS, DPL_BITS, "it becomes one of ring 3");
    check(write_descriptor(&page[4], CODE64_DPL3), 0, "a 64-bit code segment");
    check(write_descriptor(&page[5], TSS_AVAILABLE), -XEN_EINVAL, "a task state segment");
    check(write_descriptor(&page[5], LDT_SEGMENT), -XEN_EINVAL, "an LDT segment");
    check(write_descriptor(&page[5], INTERRUPT_GATE), -XEN_EINVAL, "an interrupt gate");
    check(write_descriptor(&page[5], BAD_CALL_GATE), -XEN_EINVAL, "a malformed call gate");
    check(page[5], 0, "none of them was written");
    check(write_descriptor(&page[5], TSS_AVAILABLE & ~(1ul << 47)), 0, "a segment not present");
    check(hypercall_update_descriptor((mfn << LM_PAGE_SHIFT) + 4, 0), -XEN_EINVAL, "not aligned");
    check(hypercall_update_descriptor(NO_SUCH_MFN << LM_PAGE_SHIFT, 0), -XEN_EINVAL,
          "beyond memory");
    check(write_descriptor(lm_boot_root(), DATA_DPL3), -XEN_EINVAL, "in a page table");

    check(hypercall_set_gdt(NULL, 0), 0, "no GDT");
    check(lm_protect(page, LM_PTE_DATA), 0, "the page can be written again");
    page[1] = TSS_AVAILABLE;
    lm_protect(page, READ_ONLY);
    check(set_gdt(mfn, 512), -XEN_EINVAL, "a page that holds a task state segment");
    check(set_gdt(mfn, 1), -XEN_EINVAL, "even where the GDT ends before it");
    check(lm_protect(page, LM_PTE_DATA), 0, "and it is a plain page still");
}

static long set_ldt(void *address, uint32_t entries)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (uint64_t)address, .arg2.nr_ents = entries};

    return hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

#define LDT_SELECTOR(n) ((n)*8 + 4 + 3)
#define LDT_WINDOW      0xffff820000010000ul /* where the processor sees it */

/* To the guest's own accesses it is an address of the hypervisor's like any other. */
static void touch_ldt_window(const char *when)
{
    PROVOKE("movq (%0), %%rax", : : "r"(LDT_WINDOW + 8));
    check(provoked.vector, 14, "the LDT's window, %s: a page fault", when);
    check(provoked.fault_address, LDT_WINDOW + 8, "the LDT's window, %s: address", when);
}

static void ldt(void)
{
    uint64_t *page = check_page();

    page[1] = DATA_DPL3;
    check(set_ldt((char *)page + 8, 512), -XEN_EINVAL, "an LDT that is not page-aligned");
    check(set_ldt(page, 8193), -XEN_EINVAL, "an LDT of 8193 descriptors");
    check(set_ldt(page, 8192), 0, "an LDT of 8192");
    check(set_ldt((void *)HYPERVISOR_VIRT_START, 512), -XEN_EINVAL, "an LDT in the hypervisor");
    check(set_ldt(page, 512), 0, "an LDT, mapped writable so far");
    touch_ldt_window("before it is used");
    PROVOKE("movw %w0, %%fs", : : "r"(LDT_SELECTOR(1)));
    check(provoked.vector, 14, "it cannot be used while it is writable: a page fault");
    check(provoked.fault_address & ~(LM_PAGE_SIZE - 1ul), page, "that fault's address");
    lm_protect(page, READ_ONLY);
    PROVOKE("movw %w0, %%fs", : : "r"(LDT_SELECTOR(1)));
    check(provoked.vector, NO_EXCEPTION, "read-only, it can");
    check(lm_protect(page, LM_PTE_DATA), -XEN_EBUSY, "in use, it cannot be made writable");
    touch_ldt_window("in use");
    PROVOKE("movw %w0, %%fs", : : "r"(LDT_SELECTOR(1)));
    check(provoked.vector, NO_EXCEPTION, "the LDT can still be used");
    PROVOKE("movw %w0, %%fs", : : "r"(LDT_SELECTOR(2)));
    check(provoked.vector, 13, "an empty descriptor");
    PROVOKE("movw %w0, %%fs", : : "r"(0));
    check(set_ldt(NULL, 0), 0, "no LDT");
    check(lm_protect(page, LM_PTE_DATA), 0, "the page can be written again");
}

static void bases(void)
{
    uint64_t there = 0x123456789a, read;

    check(hypercall_set_segment_base(SEGBASE_FS, (uint64_t)&there), 0, "FS base");
    __asm__ volatile("movq %%fs:0, %0" : "=r"(read));
    check(read, there, "FS base: it is used");
    check(hypercall_set_segment_base(SEGBASE_FS, 0x8000000000000000), -XEN_EINVAL,
          "FS base, not canonical");
    check(hypercall_set_segment_base(SEGBASE_GS_USER, (uint64_t)&there), 0, "user GS base");
    check(lm_this_vcpu()->id, 0, "user GS base: the kernel's is as it was");
    check(hypercall_set_segment_base(SEGBASE_GS_KERNEL, ~0ul << 63), -XEN_EINVAL,
          "kernel GS base, not canonical");
    check(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0, "user GS, null selector");
    check(hypercall_set_segment_base(99, 0), -XEN_EINVAL, "unknown base");
}

static char landing_stack[LM_PAGE_SIZE] __attribute__((aligned(16)));

static void landed(void)
{
    uint16_t ss;

    __asm__ volatile("movw %%ss, %0" : "=r"(ss));
    check(ss, LDT_SELECTOR(1), "a return to a stack segment of the LDT");
    lm_shutdown(check_done() == 0 ? SHUTDOWN_poweroff : SHUTDOWN_crash);
}

/* The hypervisor itself loads the first selector of an LDT that was not used yet. */
static void return_through_ldt(void)
{
    uint64_t *page = check_page();
    struct lm_trap_frame frame = {.rip = (uint64_t)landed,
                                  .cs = FLAT_KERNEL_CS & ~3,
                                  .rsp = (uint64_t)landing_stack + sizeof(landing_stack) - 8,
                                  .ss = LDT_SELECTOR(1)};

    page[1] = DATA_DPL3;
    lm_protect(page, READ_ONLY);
    check(set_ldt(page, 512), 0, "an LDT for a stack segment");
    lm_return_to(&frame);
}

int main(void)
{
    provoke_init();
    gdt();
    ldt();
    bases();
    return_through_ldt();
    return 1;
}
