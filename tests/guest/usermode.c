/* A process in user mode, with page tables of its own: system calls, exceptions and interrupts take
 * it into the kernel and back, and it cannot touch the kernel's memory. */
#include "check.h"

#define USER_CODE  0x400000ul
#define USER_STACK 0x600000ul
#define USER_GS    0x600800ul /* within the page above USER_STACK, where a value lies */
#define MAGIC      0x5ca1ab1eul
#define LDT_WINDOW 0xffff820000010000ul
#define DATA_DPL3  0x00cff3000000fffful
#define STACK_SIZE 8192

enum { EXIT, ADD_ONE, REPORT, SPIN };

extern char user_begin[], user_end[];

/* Exceptions go on at r15. */
__asm__(".pushsection .rodata\n"
        "user_begin:\n"
        "    movl $0x77, %ebx\n"
        "    movl $0x99, %r12d\n"
        "    movl $1, %eax\n" /* ADD_ONE */
        "    movl $0x1234, %edi\n"
        "    syscall\n"
        "    movq %rax, %rdi\n"
        "    movl $2, %eax\n" /* REPORT */
        "    syscall\n"
        "    leaq 1f(%rip), %r15\n"
        "    ud2\n"
        "1:  leaq 1f(%rip), %r15\n"
        "    movq $0xffffffff80000000, %rcx\n"
        "    movb (%rcx), %al\n"
        "1:  leaq 1f(%rip), %r15\n"
        "    movb %al, user_begin(%rip)\n"
        "1:  leaq 1f(%rip), %r15\n"
        "    movq $0xffff800000000000, %rcx\n"
        "    movb %al, (%rcx)\n"
        "1:  movl $0xf, %eax\n"
        "    movl %eax, %fs\n" /* the first look into the LDT */
        "    leaq 1f(%rip), %r15\n"
        "    movq $0xffff820000010000, %rcx\n" /* where the processor sees it */
        "    movb (%rcx), %al\n"
        "1:  leaq 1f(%rip), %r15\n"
        "    cli\n"
        "    ud2\n"
        "1:  int $0x80\n"
        "    movq %gs:0, %rdi\n"
        "    movl $2, %eax\n"
        "    syscall\n"
        "    pushq %rbx\n"
        "    popq %rdi\n"
        "    movl $2, %eax\n"
        "    syscall\n"
        "    movq %r12, %rdi\n"
        "    movl $2, %eax\n"
        "    syscall\n"
        "    movl %fs, %edi\n"
        "    movl $2, %eax\n"
        "    syscall\n"
        "    movl $3, %eax\n" /* SPIN */
        "    syscall\n"
        "1:  jmp 1b\n"
        "    movl $0, %eax\n" /* EXIT */
        "    syscall\n"
        "user_end:\n"
        ".popsection\n");

static char kernel_stack[STACK_SIZE] __attribute__((aligned(16)));
static uint64_t reports[8];
static unsigned nr_reports, int80s, ticks;
static struct lm_trap_frame faults[8];
static unsigned nr_faults;
static struct lm_event timer;
static bool spinning;

static void *user_page(uint64_t *root, uint64_t address, uint64_t flags)
{
    char *page = check_page();

    lm_assert(lm_pt_reach(root, (void *)address, check_pool()) == 0);
    lm_assert(lm_pt_write(lm_pt_entry(root, (void *)address, 1),
                          lm_pte(lm_virt_to_mfn(page), flags)) == 0);
    return page;
}

static void on_fault(struct lm_trap_frame *frame)
{
    if (!(frame->cs & 3))
        lm_panic("exception %lu in the kernel at %#lx", frame->vector, frame->rip);
    if (nr_faults < 8)
        faults[nr_faults++] = *frame;
    frame->rip = frame->r15;
}

static void on_int80(struct lm_trap_frame *frame)
{
    (void)frame;
    int80s++;
}

static void on_timer(struct lm_event *event)
{
    (void)event;
    ticks++;
    lm_timer_set(lm_time_ns() + 1000000);
}

/* Looks at the interrupted process after the events were handled, as a scheduler would. */
static lm_trap_handler_fn *dispatch_events;

static void on_upcall(struct lm_trap_frame *frame)
{
    dispatch_events(frame);
    if (spinning && ticks >= 5 && (frame->cs & 3)) {
        spinning = false;
        frame->rip += 2; /* behind its jmp */
    }
}

static void check_fault(unsigned n, const char *name, unsigned vector, uint64_t error)
{
    check(faults[n].vector, vector, "%s: vector", name);
    check(faults[n].error_code, error, "%s: error code", name);
    check(faults[n].cs & 3, 3, "%s: cs says user mode", name);
}

static void finish(void)
{
    lm_timer_set(0);
    check(nr_reports, 5, "system calls");
    check(reports[0], 0x1235, "a system call's result");
    check(reports[1], MAGIC, "the user's GS base");
    check(reports[2], 0x77, "rbx survives all that");
    check(reports[3], 0x99, "r12 survives all that");
    check(reports[4], 0xf, "FS is from the LDT");
    check(nr_faults, 6, "exceptions");
    check_fault(0, "ud2", 6, 0);
    check_fault(1, "reading the kernel", 14, 4);
    check(faults[1].fault_address, LM_VIRT_BASE, "reading the kernel: address");
    check_fault(2, "writing its code", 14, 7);
    check(faults[2].fault_address, USER_CODE, "writing its code: address");
    check(faults[3].vector, 14, "writing the M2P: vector");
    check(faults[3].error_code & 6, 6, "writing the M2P: a user's write");
    check(faults[4].vector, 14, "reading the LDT's window: vector");
    check(faults[4].error_code & 6, 4, "reading the LDT's window: a user's read");
    check(faults[4].fault_address, LDT_WINDOW, "reading the LDT's window: address");
    check(faults[5].vector == 13 || faults[5].vector == 6, true, "cli has no effect");
    check(int80s, 1, "int 0x80");
    check(ticks >= 5, true, "timer upcalls interrupt user mode");
    check(lm_this_vcpu()->id, 0, "the kernel's GS base is in force");
    lm_shutdown(check_done() == 0 ? SHUTDOWN_poweroff : SHUTDOWN_crash);
}

static void on_syscall(struct lm_trap_frame *frame)
{
    switch (frame->rax) {
    case EXIT:
        finish();
        break;
    case ADD_ONE:
        frame->rax = frame->rdi + 1;
        break;
    case REPORT:
        if (nr_reports < 8)
            reports[nr_reports++] = frame->rdi;
        break;
    case SPIN:
        spinning = true;
        lm_timer_set(lm_time_ns() + 1000000);
        break;
    }
}

int main(void)
{
    uint64_t *root = check_page();
    struct mmuext_op user_base = {.cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = lm_virt_to_mfn(root)};
    struct lm_trap_frame process = {
        .rip = USER_CODE,
        .rsp = USER_STACK + LM_PAGE_SIZE,
        .cs = FLAT_USER_CS | 3,
        .ss = FLAT_USER_SS | 3,
        .rflags = LM_RFLAGS_IF,
    };
    uint64_t *stack_page, *ldt = check_page();
    struct mmuext_op set_ldt = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (uint64_t)ldt, .arg2.nr_ents = 512};

    lm_events_init();
    lm_timer_stop_periodic();
    timer.handle = on_timer;
    timer.port = lm_event_bind_virq(VIRQ_TIMER, 0);
    lm_event_open(&timer);

    check(lm_pt_pin_root(root), 0, "pin the process's root");
    memcpy(user_page(root, USER_CODE, LM_PTE_DATA & ~LM_PTE_WRITE), user_begin,
           user_end - user_begin);
    stack_page = user_page(root, USER_STACK, LM_PTE_DATA | LM_PTE_NX);
    stack_page[(USER_GS - USER_STACK) / 8] = MAGIC;
    check(hypercall_mmuext_op(&user_base, 1, NULL, DOMID_SELF), 0, "load it");
    ldt[1] = DATA_DPL3;
    lm_protect(ldt, LM_PTE_DATA & ~LM_PTE_WRITE);
    check(hypercall_mmuext_op(&set_ldt, 1, NULL, DOMID_SELF), 0, "an LDT");

    hypercall_stack_switch(FLAT_KERNEL_SS, (uint64_t)&kernel_stack[STACK_SIZE]);
    hypercall_set_segment_base(SEGBASE_GS_USER, USER_GS);
    for (unsigned vector = 0; vector < 32; vector++)
        lm_trap_handle(vector, on_fault);
    lm_trap_handle(0x80, on_int80);
    lm_trap_allow_int80();
    lm_trap_handle(LM_TRAP_SYSCALL, on_syscall);
    lm_trap_allow_syscall();
    dispatch_events = lm_trap_handle(LM_TRAP_UPCALL, on_upcall);
    lm_return_to(&process);
}
