#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "core/log.h"

#define XCR0_X87_SSE 0x3ul
#define XCR0_AVX     0x4ul
#define XCR0_AVX512  0xe0ul

uint64_t fpu_components;

void fpu_init_cpu(void)
{
    uint32_t r[4];

    cpuid(1, 0, r);
    if (!(r[2] & 1u << 26))
        return;
    write_cr4(read_cr4() | CR4_OSXSAVE);
    cpuid(0xd, 0, r);

    uint64_t offered = (uint64_t)r[3] << 32 | r[0];
    uint64_t use = offered & (XCR0_X87_SSE | XCR0_AVX);

    if ((offered & XCR0_AVX512) == XCR0_AVX512 && (use & XCR0_AVX))
        use |= XCR0_AVX512;
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)use), "d"((uint32_t)(use >> 32)));
    cpuid(0xd, 0, r);
    if (r[1] > PAGE_SIZE)
        panic("CPU state for XCR0 %#lx takes %u bytes; expected at most one page", use, r[1]);
    fpu_components = use;
}

#define FCW_INIT   0x37f
#define MXCSR_INIT 0x1f80

void fpu_init_area(void *area)
{
    *(uint16_t *)area = FCW_INIT;
    *(uint32_t *)((char *)area + 24) = MXCSR_INIT;
}

void fpu_save(void *area)
{
    if (fpu_components)
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

/* AMD's restore leaves the last instruction's addresses alone unless an exception is pending: so
 * that they are not the previous guest's, they are made our own first. */
void fpu_restore(const void *area)
{
    static const uint32_t zero;

    __asm__ volatile("fnclex\n\temms\n\tfildl %0" : : "m"(zero));
    if (fpu_components)
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(~0u), "d"(~0u) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

void fpu_set_trap(bool on)
{
    if (on)
        write_cr0(read_cr0() | CR0_TS);
    else
        __asm__ volatile("clts");
}
