/* All other CPUs stand still while one looks at what they change. */
#include "debug/core/audit.h"
#include "cpu/cpu.h"

static uint64_t stopped; /* CPUs that stand still (atomic) */
static bool still;       /* until this is cleared */
static bool stopping;    /* by one at a time */

static void stand_still(uint64_t none)
{
    (void)none;
    __atomic_fetch_or(&stopped, 1ul << this_cpu()->id, __ATOMIC_SEQ_CST);
    while (READ_ONCE(still))
        __builtin_ia32_pause();
}

bool arch_stop_others(void)
{
    const uint64_t others = all_cpus() & ~(1ul << this_cpu()->id);

    if (__atomic_test_and_set(&stopping, __ATOMIC_SEQ_CST))
        return false;
    stopped = 0;
    still = true;
    cpu_call_begin(others, stand_still, 0);
    while (__atomic_load_n(&stopped, __ATOMIC_SEQ_CST) != others) {
        cpu_answer(); /* who waits for us cannot come */
        __builtin_ia32_pause();
    }
    return true;
}

void arch_let_others_go(void)
{
    __atomic_clear(&still, __ATOMIC_SEQ_CST);
    cpu_call_end();
    __atomic_clear(&stopping, __ATOMIC_SEQ_CST);
}
