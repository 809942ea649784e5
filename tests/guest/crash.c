/* A guest that ends badly, in the way that its command line names. */
#include "check.h"

#define NOWHERE 0x5000ul

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
