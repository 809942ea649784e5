#include <lamina/guest.h>

#define NS_PER_S 1000000000ul

/* A version is odd while the hypervisor writes, and differs after it wrote. */
static uint32_t version_begin(const uint32_t *version)
{
    uint32_t v;

    while ((v = __atomic_load_n(version, __ATOMIC_ACQUIRE)) & 1)
        __builtin_ia32_pause();
    return v;
}

static bool version_changed(const uint32_t *version, uint32_t begun)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(version, __ATOMIC_RELAXED) != begun;
}

uint64_t lm_time_ns(void)
{
    const volatile struct vcpu_time_info *t = &lm_this_vcpu()->info->time;
    uint64_t ns, ticks;
    uint32_t version;

    do {
        version = version_begin((const uint32_t *)&t->version);
        ticks = lm_tsc() - t->tsc_timestamp;
        ticks = t->tsc_shift >= 0 ? ticks << t->tsc_shift : ticks >> -t->tsc_shift;
        ns = t->system_time + (uint64_t)(((unsigned __int128)ticks * t->tsc_to_system_mul) >> 32);
    } while (version_changed((const uint32_t *)&t->version, version));
    return ns;
}

uint64_t lm_wallclock_ns(void)
{
    const volatile struct shared_info *s = lm_shared_info;
    uint64_t boot;
    uint32_t version;

    do {
        version = version_begin((const uint32_t *)&s->wc_version);
        boot = ((uint64_t)s->wc_sec_hi << 32 | s->wc_sec) * NS_PER_S + s->wc_nsec;
    } while (version_changed((const uint32_t *)&s->wc_version, version));
    return boot + lm_time_ns();
}

void lm_timer_set(uint64_t deadline_ns)
{
    hypercall_set_timer_op(deadline_ns);
}

void lm_timer_stop_periodic(void)
{
    /* A hypervisor without such a timer does not know the call: just as well. */
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, lm_this_vcpu()->id, NULL);
}
