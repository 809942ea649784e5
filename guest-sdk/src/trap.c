#include <lamina/guest.h>

#define VECTOR_BREAKPOINT 3
#define VECTOR_OVERFLOW   4
#define VECTOR_PAGE_FAULT 14

/* Flags of struct trap_info. */
#define KERNEL_AND_USER 3 /* who may raise the vector with INT n */
#define MASK_EVENTS     4

/* Places in `handlers`: exceptions by their vector, then the others. */
enum { INT80 = 32, SYSCALL, UPCALL, HANDLERS };

static lm_trap_handler_fn *handlers[HANDLERS];

extern char lm_trap_entries[], lm_entry_int80[], lm_entry_syscall[];
void lm_restore(struct lm_trap_frame *frame) __attribute__((noreturn));
bool lm_trap_dispatch(struct lm_trap_frame *frame);

static unsigned place(unsigned vector)
{
    switch (vector) {
    case 0x80:
        return INT80;
    case LM_TRAP_SYSCALL:
        return SYSCALL;
    case LM_TRAP_UPCALL:
        return UPCALL;
    default:
        lm_assert(vector < 32);
        return vector;
    }
}

static void unhandled(const struct lm_trap_frame *f)
{
    printf("exception %lu, error code %#lx, in %s mode at %#lx", f->vector, f->error_code,
           f->cs & 3 ? "user" : "kernel", f->rip);
    if (f->vector == VECTOR_PAGE_FAULT)
        printf(", address %#lx", f->fault_address);
    printf("\n    rax %016lx rbx %016lx rcx %016lx\n"
           "    rdx %016lx rsi %016lx rdi %016lx\n"
           "    rbp %016lx rsp %016lx r8  %016lx\n"
           "    r9  %016lx r10 %016lx r11 %016lx\n"
           "    r12 %016lx r13 %016lx r14 %016lx\n"
           "    r15 %016lx rflags %lx cs %x ss %lx\n",
           f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp, f->rsp, f->r8, f->r9, f->r10,
           f->r11, f->r12, f->r13, f->r14, f->r15, f->rflags, f->cs, f->ss);
    if (!(f->cs & 3))
        lm_backtrace((const void *)f->rbp);
    lm_shutdown(SHUTDOWN_crash);
}

/* Returns whether the way back needs the hypervisor: to user mode, or with a change of the upcall
 * mask, which has to happen together with the return. */
bool lm_trap_dispatch(struct lm_trap_frame *frame)
{
    struct vcpu_info *info = lm_this_vcpu()->info;
    lm_trap_handler_fn *handler = handlers[place(frame->vector)];

    if (frame->vector == VECTOR_PAGE_FAULT) {
        /* Upcalls were masked on entry, because one may fault as well and change cr2. */
        frame->fault_address = info->arch.cr2;
        lm_upcalls_restore(frame->upcall_mask);
    }
    if (handler)
        handler(frame);
    else
        unhandled(frame);
    return (frame->cs & 3) || !info->evtchn_upcall_mask != !!(frame->rflags & LM_RFLAGS_IF);
}

lm_trap_handler_fn *lm_trap_handle(unsigned vector, lm_trap_handler_fn *handler)
{
    lm_trap_handler_fn **slot = &handlers[place(vector)];
    lm_trap_handler_fn *before = *slot;

    *slot = handler;
    return before;
}

void lm_traps_fill(struct trap_info *traps)
{
    /* Those that the processor raises; NMI and machine check come by other ways. */
    static const uint8_t vectors[] = {0, 1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19, 21};
    _Static_assert(sizeof(vectors) < LM_TRAPS, "and one that ends the table");

    memset(traps, 0, LM_TRAPS * sizeof(*traps));
    for (unsigned i = 0; i < sizeof(vectors); i++) {
        traps[i].vector = vectors[i];
        traps[i].cs = FLAT_KERNEL_CS;
        traps[i].address = (uint64_t)&lm_trap_entries[16 * vectors[i]];
        if (vectors[i] == VECTOR_BREAKPOINT || vectors[i] == VECTOR_OVERFLOW)
            traps[i].flags = KERNEL_AND_USER;
        if (vectors[i] == VECTOR_PAGE_FAULT)
            traps[i].flags = MASK_EVENTS;
    }
}

void lm_traps_init(void)
{
    struct trap_info traps[LM_TRAPS];

    lm_traps_fill(traps);
    hypercall_set_trap_table(traps);
}

void lm_trap_allow_int80(void)
{
    struct trap_info traps[2] = {
        {0x80, KERNEL_AND_USER, FLAT_KERNEL_CS, (uint64_t)lm_entry_int80},
    };

    hypercall_set_trap_table(traps);
}

void lm_trap_allow_syscall(void)
{
    struct callback_register callback = {
        .type = CALLBACKTYPE_syscall,
        .address = (uint64_t)lm_entry_syscall,
    };

    hypercall_callback_op(CALLBACKOP_register, &callback);
}

void lm_return_to(const struct lm_trap_frame *frame)
{
    /* On this stack, so that an upcall before the return writes over nothing that counts. */
    struct lm_trap_frame copy = *frame;

    lm_restore(&copy);
}
