/* The end of the hypervisor: what is known is printed, and nothing runs on. */
#include "core/domain.h"
#include "core/log.h"
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "lib/format.h"

extern const char image_start[], rodata_start[];

/* Words on the stack that point into our text: return addresses, mostly. */
static void backtrace(void)
{
    const uint64_t *sp = __builtin_frame_address(0), *top = (const uint64_t *)stack_top();

    for (unsigned shown = 0; sp < top && shown < 24; sp++)
        if (*sp >= (uint64_t)image_start && *sp < (uint64_t)rodata_start) {
            log_line("  %#lx", *sp);
            shown++;
        }
}

bool panicking;

void panic(const char *fmt, ...)
{
    char text[CONSOLE_LINE];
    va_list args;

    __asm__ volatile("cli" : : : "memory");
    console_break_lock();
    if (!__atomic_test_and_set(&panicking, __ATOMIC_SEQ_CST)) {
        apic_stop_others();
        va_start(args, fmt);
        vformat(text, sizeof(text), fmt, args);
        va_end(args);
        log_line("PANIC: %s", text);
        log_line("Lamina %s, CPU %u, %s vcpu %u; return addresses on the stack:", LAMINA_VERSION,
                 this_cpu()->id, current->domain->name, current->id);
        backtrace();
    }
    arch_machine_exit(PANIC_STATUS);
}
