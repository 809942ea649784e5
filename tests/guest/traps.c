/* Exceptions are delivered with the right vector, error code and frame, and return as they should.
 */
#include "provoke.h"

#define UNMAPPED     0x5000ul
#define NONCANONICAL 0x8000000000000000ul
#define RFLAGS_TF    0x100ul

extern char lm_trap_entries[], lm_entry_int80[];

static void processor_exceptions(void)
{
    PROVOKE("ud2", : :);
    CHECK_PROVOKED("ud2", 6, 0);
    check(provoked.cs & 3, 0, "ud2: cs says kernel mode");
    PROVOKE("xorl %%eax, %%eax; xorl %%edx, %%edx; divl %%eax", : :);
    check(provoked.vector, 0, "divide by zero: vector");
    PROVOKE("int3", : :);
    check(provoked.vector, 3, "int3: vector");
    check(provoked.rip, provoke_rip + 1, "int3: rip is behind it");
    PROVOKE("movq (%0), %%rax", : : "r"(NONCANONICAL));
    CHECK_PROVOKED("non-canonical read", 13, 0);
    PROVOKE("movw %w0, %%ds", : : "r"(0x1000));
    CHECK_PROVOKED("null descriptor in ds", 13, 0x1000);
}

static void page_faults(void)
{
    char *page = check_page();

    PROVOKE("movb (%0), %%al", : : "r"(UNMAPPED + 0x123));
    CHECK_PROVOKED("read of nothing", 14, 0);
    check(provoked.fault_address, UNMAPPED + 0x123, "read of nothing: address");
    PROVOKE("movb $1, (%0)", : : "r"(UNMAPPED));
    CHECK_PROVOKED("write to nothing", 14, 2);
    lm_protect(page, LM_PTE_DATA & ~LM_PTE_WRITE);
    PROVOKE("movb $1, (%0)", : : "r"(page + 5));
    CHECK_PROVOKED("write to a read-only page", 14, 3);
    check(provoked.fault_address, page + 5, "write to a read-only page: address");
    lm_protect(page, LM_PTE_DATA | LM_PTE_NX);
    PROVOKE("leaq 773f(%%rip), %%rax; pushq %%rax; jmp *%0; 773:", : : "r"(page));
    check(provoked.vector, 14, "jump into a no-execute page: vector");
    check(provoked.error_code, 0x11, "jump into a no-execute page: error code");
    check(provoked.rip, page, "jump into a no-execute page: rip");
    __asm__ volatile("addq $8, %rsp");
    lm_protect(page, LM_PTE_DATA);
    PROVOKE("movb $1, (%0)", : : "r"(page + 5));
    check(provoked.vector, NO_EXCEPTION, "write to the page, writable again");
}

static void software_interrupts(void)
{
    struct trap_info ud2_by_int[2] = {
        {6, 1, FLAT_KERNEL_CS, (uint64_t)&lm_trap_entries[16 * 6]},
    };

    PROVOKE("int $0x80", : :);
    CHECK_PROVOKED("int 0x80, not registered", 13, 0x80 * 8 + 2);
    lm_trap_allow_int80();
    lm_trap_handle(0x80, NULL);
    if (!on_lamina()) {
        check_skip("int through other gates", "QEMU's error code misleads Xen");
        return;
    }
    PROVOKE("int $6", : :);
    CHECK_PROVOKED("int 6 through a gate of ring 0", 13, 6 * 8 + 2);
    hypercall_set_trap_table(ud2_by_int);
    PROVOKE("int $6", : :);
    check(provoked.vector, 6, "int 6 through a gate of ring 1: vector");
    check(provoked.rip, provoke_rip + 2, "int 6 through a gate of ring 1: rip is behind it");
}

static unsigned int80_count;

static void on_int80(struct lm_trap_frame *frame)
{
    int80_count++;
    frame->rax += 1;
}

static void int80(void)
{
    uint64_t rax = 41;

    lm_trap_handle(0x80, on_int80);
    __asm__ volatile("int $0x80" : "+a"(rax) : : "memory");
    check(int80_count, 1, "int 0x80: handled once");
    check(rax, 42, "int 0x80: a changed register comes back");
}

static void single_step(void)
{
    provoked.vector = NO_EXCEPTION;
    provoke_resume = 1;
    /* The handler resumes at `resume`; TF is clear again from the popf there. */
    __asm__ volatile("movq $773f, provoke_resume\n"
                     "pushfq; orq %0, (%%rsp); popfq; nop\n"
                     "773: pushfq; andq $~0x100, (%%rsp); popfq"
                     :
                     : "i"(RFLAGS_TF)
                     : "memory", "cc");
    check(provoked.vector, 1, "single step: vector");
    check(provoked.rflags & RFLAGS_TF, RFLAGS_TF, "single step: TF in the frame");
}

static void step_once(struct lm_trap_frame *frame)
{
    provoked = *frame;
    frame->rflags &= ~RFLAGS_TF;
}

static void registers_survive(void)
{
    uint64_t rcx, r11, r8, rbx, r15, rdi;

    __asm__ volatile("movq $0x1111, %%rcx; movq $0x2222, %%r11; movq $0x3333, %%r8\n"
                     "movq $0x4444, %%rbx; movq $0x5555, %%r15; movq $0x6666, %%rdi\n"
                     "movq $773f, provoke_resume\n"
                     "ud2\n"
                     "773: movq %%rcx, %0; movq %%r11, %1; movq %%r8, %2\n"
                     "movq %%rbx, %3; movq %%r15, %4; movq %%rdi, %5"
                     : "=m"(rcx), "=m"(r11), "=m"(r8), "=m"(rbx), "=m"(r15), "=m"(rdi)
                     :
                     : "rcx", "r11", "r8", "rbx", "r15", "rdi", "memory");
    check(rcx, 0x1111, "rcx survives");
    check(provoked.rcx, 0x1111, "rcx in the frame");
    check(r11, 0x2222, "r11 survives");
    check(provoked.r11, 0x2222, "r11 in the frame");
    check(r8, 0x3333, "r8 survives");
    check(rbx, 0x4444, "rbx survives");
    check(r15, 0x5555, "r15 survives");
    check(rdi, 0x6666, "rdi survives");
}

static unsigned depth;
static struct lm_trap_frame inner;

static void note_inner(struct lm_trap_frame *frame)
{
    inner = *frame;
}

static void nest(struct lm_trap_frame *frame)
{
    depth++;
    __asm__ volatile("int3");
    depth++;
    frame->rip += 2;
}

static void nested(void)
{
    lm_trap_handle(3, note_inner);
    lm_trap_handle(6, nest);
    __asm__ volatile("ud2");
    check(depth, 2, "nested: the outer handler goes on");
    check(inner.vector, 3, "nested: inner vector");
    provoke_init();
}

static uint8_t mask_in_handler;

static void note_mask(struct lm_trap_frame *frame)
{
    mask_in_handler = lm_this_vcpu()->info->evtchn_upcall_mask;
    provoked = *frame;
    frame->rip += 2;
}

static void upcall_mask(void)
{
    struct trap_info masking[2] = {
        {6, 4, FLAT_KERNEL_CS, (uint64_t)&lm_trap_entries[16 * 6]},
    };

    lm_trap_handle(6, note_mask);
    for (unsigned masked = 0; masked <= 1; masked++) {
        lm_this_vcpu()->info->evtchn_upcall_mask = masked;
        __asm__ volatile("ud2");
        check(mask_in_handler, masked, "upcall mask %u: in the handler", masked);
        check(provoked.upcall_mask, masked, "upcall mask %u: in the frame", masked);
        check(!!(provoked.rflags & LM_RFLAGS_IF), !masked, "upcall mask %u: IF", masked);
        check(lm_this_vcpu()->info->evtchn_upcall_mask, masked, "upcall mask %u: after", masked);
    }
    hypercall_set_trap_table(masking);
    lm_this_vcpu()->info->evtchn_upcall_mask = 0;
    __asm__ volatile("ud2");
    check(mask_in_handler, 1, "a masking entry masks");
    check(provoked.upcall_mask, 0, "a masking entry tells what was");
    check(lm_this_vcpu()->info->evtchn_upcall_mask, 0, "its iret unmasks again");
    lm_this_vcpu()->info->evtchn_upcall_mask = 1;
    provoke_init();
}

static void device_not_available(void)
{
    check(hypercall_fpu_taskswitch(1), 0, "fpu_taskswitch(1)");
    PROVOKE("fnop", : :);
    CHECK_PROVOKED("FPU with TS set", 7, 0);
    PROVOKE("fnop", : :);
    check(provoked.vector, NO_EXCEPTION, "TS is clear after that exception");
    hypercall_fpu_taskswitch(1);
    check(hypercall_fpu_taskswitch(0), 0, "fpu_taskswitch(0)");
    PROVOKE("fnop", : :);
    check(provoked.vector, NO_EXCEPTION, "FPU with TS cleared");
}

int main(void)
{
    provoke_init();
    processor_exceptions();
    page_faults();
    software_interrupts();
    int80();
    lm_trap_handle(1, step_once);
    single_step();
    provoke_init();
    registers_survive();
    nested();
    upcall_mask();
    device_not_available();
    return check_done();
}
