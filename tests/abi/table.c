/* Checks of abi/hypercalls.def that need nothing but the preprocessor and the compiler, and of how
 * the macros that read it turn out. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "abi/hypercalls.h"

/* Numbers, versions, privileges and errors of an entry name things that exist. */
enum { who_any, who_console_write, who_console_read, who_foreign_map, who_control };
enum { select_none = SELECT_none, select_first = SELECT_first, select_element = SELECT_element };

#define ERR(code, when)    +0 * sizeof(char[XEN_##code]) * sizeof(when)
#define STATUS(code, when) +0 * sizeof(char[1 - (code)]) * sizeof(when)

#define VERSIONS_OK(first, last) \
    ((first) >= 1 && (first) <= LAMINA_ABI_VERSION && (last) >= (first))

#define HYPERCALL(name, number, args, select, first, last, who, errors, summary)            \
    _Static_assert(number == __HYPERVISOR_##name, #name ": number differs from abi/xen.h"); \
    _Static_assert(number >= 0 && number < 64, #name ": number out of range");              \
    _Static_assert(VERSIONS_OK(first, last), #name ": wrong versions");                     \
    _Static_assert(who_##who >= 0 && select_##select >= 0, "");                             \
    _Static_assert(0 errors == 0, "");                                                      \
    _Static_assert(sizeof(summary) > 10, "");
#define SUBOP(parent, name, type, first, last, who, errors, summary)                  \
    _Static_assert(name >= 0 && name < 64, #name ": does not fit a mask of 64 bits"); \
    _Static_assert(VERSIONS_OK(first, last), #name ": wrong versions");               \
    _Static_assert(who_##who >= 0, "");                                               \
    _Static_assert(0 errors == 0, "");                                                \
    _Static_assert(sizeof(summary) > 10, "");
#include "abi/hypercalls.def"

/* A structure that a sub-operation names exists. */
typedef char none;
#define SUBOP(parent, name, type, first, last, who, errors, summary) \
    _Static_assert(sizeof(type) > 0, #name);
#include "abi/hypercalls.def"

struct entry {
    const char *name;
    int number;
    int parent; /* -1: a hypercall */
    int select;
};

static const struct entry all[] = {
#define HYPERCALL(name, number, args, select, first, last, who, errors, summary) \
    {#name, number, -1, SELECT_##select},
#define SUBOP(parent, name, type, first, last, who, errors, summary) \
    {#name, name, __HYPERVISOR_##parent, 0},
#include "abi/hypercalls.def"
};

#define NR_ENTRIES (sizeof(all) / sizeof(all[0]))

static int failures;

static void expect(bool ok, const char *name, const char *rule)
{
    if (!ok) {
        printf("abi/hypercalls.def: %s: %s\n", name, rule);
        failures++;
    }
}

static void check_entries(void)
{
    const struct entry *call = NULL;
    int subops = 0;

    for (unsigned i = 0; i < NR_ENTRIES; i++) {
        const struct entry *e = &all[i];

        if (e->parent < 0) {
            if (call)
                expect((subops > 0) == (call->select != SELECT_none), call->name,
                       "has sub-operations but no `select`, or the other way round");
            call = e;
            subops = 0;
        } else {
            expect(call && call->number == e->parent, e->name, "does not follow its hypercall");
            subops++;
        }
        for (unsigned j = 0; j < i; j++)
            expect(all[j].parent != e->parent || all[j].number != e->number, e->name,
                   "has the number of another entry");
    }
}

/* What a stub made from the table passes, and in which order. */
static uint64_t got[5];

static long call_4(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    memcpy(got, (uint64_t[]){number, a, b, c, d}, sizeof(got));
    return -XEN_EINVAL;
}

static long call_3(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    return call_4(number, a, b, c, 0);
}

static long call_2(uint64_t number, uint64_t a, uint64_t b)
{
    return call_3(number, a, b, 0);
}

static long call_1(uint64_t number, uint64_t a)
{
    return call_2(number, a, 0);
}

#define HYPERCALL(name, number, args, ...)                         \
    static long hypercall_##name(ARGS_PARAMS args)                 \
    {                                                              \
        return ARGS_FUNCTION(call, args)(number ARGS_VALUES args); \
    }
#define HYPERCALL_NORETURN(...)
#include "abi/hypercalls.def"

static void expect_call(long result, uint64_t number, uint64_t a, uint64_t b, uint64_t c,
                        uint64_t d, const char *name)
{
    uint64_t want[] = {number, a, b, c, d};

    expect(result == -XEN_EINVAL && memcmp(got, want, sizeof(want)) == 0, name,
           "its stub does not pass the arguments as Xen does");
}

/* Each stub with the arguments that the ABI has for it, in their order. (One that is left out is an
 * unused function, which does not compile.) */
static void check_stubs(void)
{
    struct mmu_update u = {0};
    struct mmuext_op x = {0};
    struct multicall_entry m = {0};
    struct trap_info t = {0};
    struct xen_domctl control = {0};
    uint32_t done = 0;
    uint64_t frame = 0;
    char text[1] = {0};

#define P(p) ((uint64_t)(p))
    expect_call(hypercall_physdev_op(PHYSDEVOP_set_iopl, text), 33, PHYSDEVOP_set_iopl, P(text), 0,
                0, "physdev_op");
    expect_call(hypercall_domctl(&control), 36, P(&control), 0, 0, 0, "domctl");
    expect_call(hypercall_set_trap_table(&t), 0, P(&t), 0, 0, 0, "set_trap_table");
    expect_call(hypercall_mmu_update(&u, 2, &done, 3), 1, P(&u), 2, P(&done), 3, "mmu_update");
    expect_call(hypercall_set_gdt(&frame, 2), 2, P(&frame), 2, 0, 0, "set_gdt");
    expect_call(hypercall_stack_switch(1, 2), 3, 1, 2, 0, 0, "stack_switch");
    expect_call(hypercall_set_callbacks(1, 2, 3), 4, 1, 2, 3, 0, "set_callbacks");
    expect_call(hypercall_fpu_taskswitch(1), 5, 1, 0, 0, 0, "fpu_taskswitch");
    expect_call(hypercall_update_descriptor(1, 2), 10, 1, 2, 0, 0, "update_descriptor");
    expect_call(hypercall_memory_op(1, &u), 12, 1, P(&u), 0, 0, "memory_op");
    expect_call(hypercall_multicall(&m, 2), 13, P(&m), 2, 0, 0, "multicall");
    expect_call(hypercall_update_va_mapping(1, 2, 3), 14, 1, 2, 3, 0, "update_va_mapping");
    expect_call(hypercall_set_timer_op(1ull << 40), 15, 1ull << 40, 0, 0, 0, "set_timer_op");
    expect_call(hypercall_xen_version(1, &u), 17, 1, P(&u), 0, 0, "xen_version");
    expect_call(hypercall_console_io(0, 1, text), 18, 0, 1, P(text), 0, "console_io");
    expect_call(hypercall_grant_table_op(1, &u, 2), 20, 1, P(&u), 2, 0, "grant_table_op");
    expect_call(hypercall_vm_assist(1, 2), 21, 1, 2, 0, 0, "vm_assist");
    expect_call(hypercall_update_va_mapping_otherdomain(1, 2, 3, 4), 22, 1, 2, 3, 4,
                "update_va_mapping_otherdomain");
    expect_call(hypercall_vcpu_op(1, 2, &u), 24, 1, 2, P(&u), 0, "vcpu_op");
    expect_call(hypercall_set_segment_base(1, 2), 25, 1, 2, 0, 0, "set_segment_base");
    expect_call(hypercall_mmuext_op(&x, 2, &done, 3), 26, P(&x), 2, P(&done), 3, "mmuext_op");
    expect_call(hypercall_sched_op(1, &u), 29, 1, P(&u), 0, 0, "sched_op");
    expect_call(hypercall_callback_op(1, &u), 30, 1, P(&u), 0, 0, "callback_op");
    expect_call(hypercall_event_channel_op(1, &u), 32, 1, P(&u), 0, 0, "event_channel_op");
    expect_call(hypercall_lamina_op(1, &u), 55, 1, P(&u), 0, 0, "lamina_op");
#undef P
}

int main(void)
{
    check_entries();
    check_stubs();
    return failures != 0;
}
