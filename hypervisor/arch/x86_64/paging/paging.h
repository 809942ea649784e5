/* What the rest of arch/x86_64 uses of paging/. */
#pragma once

#include "paging/frame.h"
#include "paging/entry.h"

struct domain;
struct vcpu;
struct vcpu_guest_context;

/* --- boot, in this order --- */

/* Puts usable memory into the allocator. frames_max is set, and mapped are the frame table (zeroed)
 * at FRAME_TABLE_START, the M2P (0xff) at M2P_RW_START up to frames_max, the direct map. Ranges
 * must not overlap; frame 0 is skipped. */
void frames_add_free(mfn_t start, uint64_t count);

/* Entries of the reserved slots 256 .. 271 as every L4 table gets them; boot fills them. Slot 260
 * is each domain's own. Also usable as the L4 that runs when no guest does. */
extern uint64_t paging_l4_template[TABLE_ENTRIES];

/* --- the builder: frames come from arch_populate; tables are filled through frame_bytes before
 * they are typed --- */

/* Checks and pins the L4 and everything under it, and makes it the vCPU's kernel table. 0 or
 * -errno, with a line in the log. Calls cond_resched. */
int paging_install_l4(struct vcpu *v, mfn_t l4);
/* Replaces the vCPU's GDT: frame numbers, and entries 0 .. 7168. 0 or -XEN_EINVAL. The vCPU is
 * current or not running. */
int paging_set_gdt(struct vcpu *v, const uint64_t *frame_numbers, unsigned entries);

/* --- vCPUs; domains as a whole are in core/arch.h --- */

/* Paging's part of arch_vcpu_init. */
void paging_vcpu_init(struct vcpu *v);

/* Makes that frame the kernel or user L4 of a vCPU that is current or not running; INVALID_MFN: the
 * latter is none. 0 or -errno. Calls cond_resched. */
int paging_set_l4(struct vcpu *v, bool kernel, mfn_t l4);
/* Makes that frame the current vCPU's kernel L4, as MMUEXT_NEW_BASEPTR. 0 or -errno. May sleep. */
int paging_new_baseptr(struct vcpu *v, mfn_t l4);
/* The same for its user L4, also for one that does not run. */
int paging_new_user_baseptr(struct vcpu *v, mfn_t l4);
/* Tables and descriptors of a vCPU that the guest brings up. 0, or -errno and it has none. */
int paging_vcpu_initialise(struct vcpu *v, const struct vcpu_guest_context *c);

/* --- the machine-to-physical table, which every guest can read: pfn for each mfn, as its owner set
 * it --- */

#define M2P_INVALID (~0ul)

/* The frame is below frames_max. */
static inline void m2p_set(mfn_t frame, uint64_t pfn_number)
{
    WRITE_ONCE(((uint64_t *)M2P_RW_START)[frame.n], pfn_number);
}

/* Those of an extent; with INVALID_PFN they stay as they are for free frames. */
static inline void m2p_set_extent(mfn_t first, pfn_t first_pfn, unsigned order)
{
    for (uint64_t i = 0; first_pfn.n != INVALID_PFN.n && i < 1ul << order; i++)
        m2p_set(mfn(first.n + i), first_pfn.n + i);
}

/* --- switching; interrupts off --- */

/* Puts the descriptors of that host CPU into the vCPU's GDT. */
void paging_set_cpu(struct vcpu *v, unsigned cpu);
/* On this CPU, before the vCPU's guest can run: tables, GDT and LDT. Also for an idle vCPU and one
 * without tables: then the hypervisor's own. `kernel`: its kernel tables, else its user ones. */
void paging_switch_to(struct vcpu *next, bool kernel);
/* From a domain's tables to the hypervisor's own, in a vCPU whose guest will not run again. */
void paging_leave(void);
/* Only CR3, for a change between guest kernel and guest user. False: the vCPU has no user table. */
bool paging_load_tables(struct vcpu *v, bool kernel);

/* --- faults --- */

/* A fault at a not yet mapped page of the current vCPU's LDT: maps it. `offset` is from
 * paging_ldt_va. False: it is beyond all LDTs, or the guest has nothing valid there, and *guest_va
 * is then the address to report to it. May sleep. */
bool paging_ldt_fault(uint64_t offset, uint64_t *guest_va);
/* Virtual address of the vCPU's GDT; its LDT is 16 pages after it. */
uint64_t paging_gdt_va(const struct vcpu *v);
uint64_t paging_ldt_va(const struct vcpu *v);

/* --- direct writes to page tables (VMASST_TYPE_writable_pagetables), for their emulation --- */

/* The L1 entry that lies at va, in a table that the current vCPU's kernel has mapped read-only
 * there; it is the table's as long as the domain's page_lock is held, which this takes. NULL, and
 * no lock: there is none. va is 8-aligned. */
uint64_t *paging_lock_entry(struct vcpu *v, uint64_t va);
/* Changes that entry from one value to another, with all checks. 0; -XEN_EAGAIN: its value was no
 * longer `old`, as the processor set a bit; or what update_l1 refuses with. */
int paging_write_entry(struct vcpu *v, uint64_t *entry, uint64_t old, uint64_t new);
