/* Basic types. Frame numbers of different kinds are one-member structs, so that mixing them up does
 * not compile. A guest pointer is guest_ptr_t (abi/guest_ptr.h): it cannot be dereferenced here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/* Machine frame number: a page of the machine's memory. */
typedef struct {
    uint64_t n;
} mfn_t;

/* Pseudo-physical frame number: an index into one guest's p2m, meaningful to that guest only. */
typedef struct {
    uint64_t n;
} pfn_t;

static inline mfn_t mfn(uint64_t n)
{
    return (mfn_t){n};
}

static inline pfn_t pfn(uint64_t n)
{
    return (pfn_t){n};
}

static inline bool mfn_equal(mfn_t a, mfn_t b)
{
    return a.n == b.n;
}

/* To the next multiple, a power of two. */
static inline uint64_t round_up(uint64_t n, uint64_t multiple)
{
    return (n + multiple - 1) & -multiple;
}

/* For indices that a guest chooses: `index` if it is below `limit`, else 0, computed without a
 * branch that could be mispredicted. Check the bound as usual, then use this for the access. */
static inline uint64_t clamp_index(uint64_t index, uint64_t limit)
{
    uint64_t mask;

    __asm__("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(index), "r"(limit) : "cc");
    return index & mask;
}

#define INVALID_MFN  ((mfn_t){~0ul})
#define INVALID_PFN  ((pfn_t){~0ul})
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)    ((a) < (b) ? (a) : (b))
#define MAX(a, b)    ((a) > (b) ? (a) : (b))

#define likely(x)         __builtin_expect(!!(x), 1)
#define unlikely(x)       __builtin_expect(!!(x), 0)
#define READ_ONCE(x)      (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)  (*(volatile __typeof__(x) *)&(x) = (v))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
