/* A guest that ends badly, in the way that its command line names. */
#include "check.h"

#define NOWHERE 0x5000ul

#define LOW 0x20000ul

#define DATA_DPL3      0x00cff3000000fffful
#define FLAGS_VM_IOPL3 0x23202u /* and IF */

static void no_handler(void)
{
    hypercall_set_trap_table(NULL);
    __asm__ volatile("ud2");
}

static void bad_stack(void)
{
    __asm__ volatile("movq %0, %%rsp; ud2" : : "r"(NOWHERE));
}

static void hypervisor_stack(void)
{
    __asm__ volatile("movq %0, %%rsp; ud2" : : "r"(HYPERVISOR_VIRT_START + 0x20000));
}

/* Without the stub, which would push onto the stack itself. */
static void bad_iret_frame(void)
{
    __asm__ volatile("movq %0, %%rsp; movl %1, %%eax; syscall"
                     :
                     : "r"(NOWHERE), "i"(__HYPERVISOR_iret));
}

static void bad_iret_segments(void)
{
    struct lm_trap_frame frame = {.cs = 0x1230, .rip = NOWHERE, .rsp = NOWHERE, .ss = 0x1233};

    lm_return_to(&frame);
}

static void no_user_tables(void)
{
    struct lm_trap_frame frame = {.cs = FLAT_USER_CS | 3, .ss = FLAT_USER_SS | 3};

    lm_return_to(&frame);
}

static void jump(void)
{
    hypercall_set_trap_table(NULL);
    __asm__ volatile("jmp *%0" : : "r"(HYPERVISOR_VIRT_START));
}

static void fault(void)
{
    *(volatile char *)NOWHERE = 1;
}

/* A processor ignores VM in what IRET loads at ring 3; QEMU's enters virtual-8086 mode, with the
 * I/O privilege level of the frame, if that lies in the first 4 GiB. The first trap there leads
 * back into the hypervisor, which sees a selector that can look like one of ring 3 or of its own.
 */
#define SPIN 0x800 /* in that page */

static void vm86(uint32_t ip, uint32_t cs)
{
    const uint32_t frame[9] = {ip, cs, FLAGS_VM_IOPL3};
    uint64_t *root = lm_boot_root();
    void *page = check_page();

    memcpy(page, frame, sizeof(frame));
    memcpy((char *)page + SPIN, "\xeb\xfe", 2); /* jmp to itself */
    lm_assert(lm_pt_reach(root, (void *)LOW, check_pool()) == 0);
    lm_assert(lm_pt_write(lm_pt_entry(root, (void *)LOW, 1),
                          lm_pte(lm_virt_to_mfn(page), LM_PTE_DATA)) == 0);
    __asm__ volatile("movq %0, %%rsp; iretl" : : "r"(LOW) : "memory");
}

static void vm86_ring3(void)
{
    vm86(NOWHERE, 0x1003);
}

/* The first trap is an interrupt. */
static void vm86_spins(void)
{
    vm86(LOW + SPIN - (0x2003 << 4), 0x2003);
}

static void vm86_ring0(void)
{
    vm86(NOWHERE, 0x1000);
}

/* With selectors that mean something only in the guest's GDT, which is gone while the domain's
 * memory is given back. */
static void selectors(void)
{
    uint64_t *gdt = check_page(), frame = lm_virt_to_mfn(gdt);

    for (unsigned i = 0; i < 512; i++)
        gdt[i] = DATA_DPL3;
    lm_assert(lm_protect(gdt, LM_PTE_DATA & ~LM_PTE_WRITE) == 0);
    lm_assert(hypercall_set_gdt(&frame, 512) == 0);
    hypercall_set_trap_table(NULL);
    __asm__ volatile("movl %0, %%ds; movl %1, %%es; movl %2, %%fs; movl %3, %%gs; ud2"
                     :
                     : "r"(1 * 8 + 3), "r"(170 * 8 + 3), "r"(340 * 8 + 3), "r"(511 * 8 + 3));
}

static void panic(void)
{
    lm_panic("the command line says so");
}

static const struct {
    const char *name;
    void (*crash)(void);
} ways[] = {
    {"no-handler", no_handler},
    {"bad-stack", bad_stack},
    {"hypervisor-stack", hypervisor_stack},
    {"bad-iret-frame", bad_iret_frame},
    {"bad-iret-segments", bad_iret_segments},
    {"no-user-tables", no_user_tables},
    {"jump", jump},
    {"fault", fault},
    {"vm86-ring3", vm86_ring3},
    {"vm86-ring0", vm86_ring0},
    {"vm86-spins", vm86_spins},
    {"selectors", selectors},
    {"panic", panic},
};

int main(void)
{
    const char *name = (const char *)lm_start_info->cmd_line;

    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (strcmp(ways[i].name, name) == 0)
            ways[i].crash();
    printf("FAIL still alive after \"%s\"\n", name);
    return 0;
}
