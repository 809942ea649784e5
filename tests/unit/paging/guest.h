/* A guest for the tests of paging/: a domain with page tables built as the builder does. */
#ifndef GUEST_H
#define GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "env.h"
#include "abi/xen.h"
#include "core/hypercall.h"

#define GUEST_PAGES 64u
/* Its pages 0 .. are mapped writable from here on, tables read-only. */
#define GUEST_VA 0x400000ul

#define P  PTE_PRESENT
#define RW (PTE_PRESENT | PTE_RW)

enum { AT_L1 = 60, AT_L2, AT_L3, AT_L4 }; /* which of its pages are the tables */

struct guest {
    struct domain *d;
    struct vcpu *v;
    mfn_t page[GUEST_PAGES];
};

/* One that runs on CPU 0, with two vCPUs. */
struct guest guest_make(void);
/* The test ends: no finding in tables, counts or TLBs; destroys all domains; no page is lost. */
void guest_end(void);
/* In every test: findings so far fail it. */
void check(void);

static inline uint64_t *bytes(mfn_t m)
{
    return frame_bytes(m);
}

static inline uint64_t machine(mfn_t m, unsigned index)
{
    return (m.n << PAGE_SHIFT) + index * 8ul;
}

static inline uint64_t va_of(unsigned page)
{
    return GUEST_VA + page * PAGE_SIZE;
}

static inline uint64_t m2p_get(mfn_t m)
{
    return ((uint64_t *)M2P_RW_START)[m.n];
}

long update(uint64_t ptr, uint64_t val);
long ext(unsigned cmd, uint64_t arg1, uint64_t arg2);
/* Unmaps the guest's own mapping of its page, so that it can become a table. */
void hide(struct guest *g, unsigned page);
uint64_t type_of(mfn_t m);
uint64_t uses_of(mfn_t m);
uint64_t refs_of(mfn_t m);
void assert_logged(const char *text);

#endif
