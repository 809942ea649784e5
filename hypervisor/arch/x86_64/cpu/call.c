/* Work for other CPUs. */
#include "cpu/apic.h"
#include "cpu/cpu.h"
#include "cpu/vectors.h"
#include "lib/spinlock.h"

void cpu_answer(void)
{
    struct cpu *c = this_cpu();
    uint64_t asked = __atomic_exchange_n(&c->asked, 0, __ATOMIC_ACQUIRE);

    for (; asked; asked &= asked - 1) {
        struct cpu_call *call = &cpus[__builtin_ctzl(asked)].call;

        call->function(call->arg);
        __atomic_fetch_and(&call->waiting, ~(1ul << c->id), __ATOMIC_RELEASE);
    }
}

void cpu_call_begin(uint64_t mask, void (*function)(uint64_t arg), uint64_t arg)
{
    struct cpu *c = this_cpu();
    const uint64_t self = 1ul << c->id;

    lock_expect_none("cpu_call");
    c->call = (struct cpu_call){function, arg, mask & ~self};
    for (uint64_t left = mask & ~self; left; left &= left - 1) {
        struct cpu *other = &cpus[__builtin_ctzl(left)];

        __atomic_fetch_or(&other->asked, self, __ATOMIC_SEQ_CST);
        apic_send(other->apic_id, VECTOR_CALL);
    }
    if (mask & self)
        function(arg);
}

void cpu_call_end(void)
{
    const uint64_t *waiting = &this_cpu()->call.waiting;

    if (likely(!__atomic_load_n(waiting, __ATOMIC_ACQUIRE)))
        return;
    __atomic_fetch_add(&operations_suspended, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(waiting, __ATOMIC_ACQUIRE)) {
        cpu_answer(); /* they may wait for us */
        __builtin_ia32_pause();
    }
    __atomic_fetch_sub(&operations_suspended, 1, __ATOMIC_RELAXED);
}

void cpu_call(uint64_t mask, void (*function)(uint64_t arg), uint64_t arg)
{
    cpu_call_begin(mask, function, arg);
    cpu_call_end();
}
