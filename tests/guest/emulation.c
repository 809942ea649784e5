/* Privileged instructions that kernels execute although there are hypercalls for them: those that
 * the hypervisor emulates do what they say, the others fault. */
#include "provoke.h"

#define MSR_EFER    0xc0000080
#define MSR_FS_BASE 0xc0000100
#define MSR_NOTHING 0x12345678
#define EFER_LONG   0x501 /* SCE, LME, LMA */
#define CR0_BASIC   0x80000001ul
#define CR4_PAE     0x20ul

static uint64_t there = 0x1122334455667788;

static void control_registers(void)
{
    uint64_t value = 0;

    PROVOKE("movq %%cr0, %0", : "=r"(value) :);
    check(provoked.vector, NO_EXCEPTION, "read cr0");
    check(value & CR0_BASIC, CR0_BASIC, "cr0: paging and protection are on");
    PROVOKE("movq %%cr3, %0", : "=r"(value) :);
    check(provoked.vector, NO_EXCEPTION, "read cr3");
    check(value >> LM_PAGE_SHIFT, lm_virt_to_mfn(lm_boot_root()), "cr3: the root's frame");
    PROVOKE("movq %%cr4, %0", : "=r"(value) :);
    check(provoked.vector, NO_EXCEPTION, "read cr4");
    check(value & CR4_PAE, CR4_PAE, "cr4: PAE");
    PROVOKE("movb (%0), %%al", : : "r"(0x5678));
    PROVOKE("movq %%cr2, %0", : "=r"(value) :);
    check(provoked.vector, NO_EXCEPTION, "read cr2");
    check(value, 0x5678, "cr2: the last page fault's address");
    PROVOKE("movq %0, %%cr3", : : "r"(0x123456000));
    check(provoked.vector, 13, "a bad cr3");
    PROVOKE("movq %0, %%cr3", : : "r"(lm_virt_to_mfn(lm_boot_root()) << LM_PAGE_SHIFT));
    check(provoked.vector, NO_EXCEPTION, "the same cr3 again");
    PROVOKE("movq %%cr0, %%rax; orq $8, %%rax; movq %%rax, %%cr0; fnop", : :);
    check(provoked.vector, 7, "cr0.TS set by mov");
    PROVOKE("clts; fnop", : :);
    check(provoked.vector, NO_EXCEPTION, "clts");
    PROVOKE("movq %%rax, %%cr8", : :);
    check(provoked.vector != NO_EXCEPTION, true, "cr8 is not there");
}

static void cpuid(void)
{
    uint32_t signature[3] = {0};
    uint32_t eax = 0;

    PROVOKE("pushq %%rbx; movl $0x40000000, %%eax; " XEN_CPUID "\n"
            "movl %%eax, %0; movl %%ebx, %1; movl %%ecx, %2; movl %%edx, %3; popq %%rbx",
            : "=m"(eax), "=m"(signature[0]), "=m"(signature[1]), "=m"(signature[2])
            :);
    check(provoked.vector, NO_EXCEPTION, "forced-emulation cpuid");
    check(memcmp(signature, "XenVMMXenVMM", 12), 0, "its signature");
    check(eax >= 0x40000002, true, "its highest leaf");
    PROVOKE("pushq %%rbx; movl $0x40000001, %%eax; " XEN_CPUID "\n"
            "movl %%eax, %0; popq %%rbx",
            : "=m"(eax)
            :);
    check(eax, hypercall_xen_version(XENVER_version, NULL), "leaf 1: the version");
    PROVOKE("pushq %%rbx; movl $1, %%eax; xorl %%ecx, %%ecx; " XEN_CPUID "\n"
            "movl %%ecx, %0; popq %%rbx",
            : "=m"(eax)
            :);
    check(eax >> 31, 1, "leaf 1: a hypervisor is there");
    PROVOKE("ud2; .byte 0x78, 0x65, 0x6e; nop", : :);
    check(provoked.vector, 6, "the prefix before something else");
    PROVOKE("movl $0, %%eax; pushq %%rbx; cpuid; popq %%rbx", : :);
    check(provoked.vector, NO_EXCEPTION, "plain cpuid");
}

/* Both leave `provoked` to be looked at. */
static uint64_t read_msr(uint32_t msr)
{
    uint32_t low = 0, high = 0;

    PROVOKE("movl %2, %%ecx; rdmsr; movl %%eax, %0; movl %%edx, %1",
            : "+m"(low), "+m"(high)
            : "r"(msr));
    return (uint64_t)high << 32 | low;
}

static void write_msr(uint32_t msr, uint64_t value)
{
    PROVOKE("movl %0, %%ecx; movl %1, %%eax; movl %2, %%edx; wrmsr",
            :
            : "r"(msr), "r"((uint32_t)value), "r"((uint32_t)(value >> 32)));
}

static void msrs(void)
{
    uint64_t read = 0;

    read = read_msr(MSR_EFER);
    check(provoked.vector, NO_EXCEPTION, "read EFER");
    check(read & EFER_LONG, EFER_LONG, "EFER: long mode and SYSCALL");
    read_msr(MSR_NOTHING);
    check(provoked.vector, 13, "read an MSR that is not there");
    write_msr(MSR_NOTHING, 0);
    check(provoked.vector, 13, "write an MSR that is not there");
    write_msr(MSR_FS_BASE, (uint64_t)&there);
    check(provoked.vector, NO_EXCEPTION, "write FS_BASE");
    __asm__ volatile("movq %%fs:0, %0" : "=r"(read));
    check(read, there, "FS_BASE is in force");
    check(read_msr(MSR_FS_BASE), (uint64_t)&there, "read FS_BASE");
    write_msr(MSR_FS_BASE, 1ul << 63);
    check(provoked.vector, 13, "write FS_BASE, not canonical");
}

static void never(void)
{
    static const char table[10] __attribute__((aligned(16)));

    PROVOKE("hlt", : :);
    CHECK_PROVOKED("hlt", 13, 0);
    PROVOKE("cli", : :);
    CHECK_PROVOKED("cli", 13, 0);
    PROVOKE("sti", : :);
    CHECK_PROVOKED("sti", 13, 0);
    PROVOKE("lgdt %0", : : "m"(table));
    CHECK_PROVOKED("lgdt", 13, 0);
    PROVOKE("lidt %0", : : "m"(table));
    CHECK_PROVOKED("lidt", 13, 0);
    PROVOKE("ltr %w0", : : "r"(0x40));
    CHECK_PROVOKED("ltr", 13, 0);
    PROVOKE("vmmcall", : :);
    check(provoked.vector != NO_EXCEPTION, true, "vmmcall");
    if (on_lamina()) {
        PROVOKE("outb %%al, $0x80", : :);
        CHECK_PROVOKED("outb", 13, 0);
        PROVOKE("inb $0x60, %%al", : :);
        CHECK_PROVOKED("inb", 13, 0);
        PROVOKE("outl %%eax, $0xf4", : :);
        CHECK_PROVOKED("outl to the exit port", 13, 0);
    } else {
        check_skip("port input and output", "Xen's first domain may");
    }
}

/* A kernel that may use ports has its port instructions emulated, and only those: there are others
 * whose second byte is the same. */
static void not_ports(void)
{
    struct physdev_set_iopl iopl = {.iopl = 1};
    static char line[32] __attribute__((aligned(16)));

    check(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0, "I/O privilege level 1");
    PROVOKE("movntdq %%xmm0, %0", : "=m"(line[8]) :);
    CHECK_PROVOKED("misaligned movntdq", 13, 0);
    PROVOKE("pxor %0, %%xmm0", : : "m"(line[8]));
    CHECK_PROVOKED("misaligned pxor", 13, 0);
    iopl.iopl = 0;
    check(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0, "I/O privilege level 0");
}

int main(void)
{
    provoke_init();
    control_registers();
    cpuid();
    msrs();
    never();
    not_ports();
    return check_done();
}
