/* What a record's bytes mean, and what all operations share. */
#ifndef CHOOSE_H
#define CHOOSE_H

#include "abi/xen.h"
#include "model.h"
#include "ops.h"

#define DOMAINS   3
#define PAGES     32 /* of a domain at first */
#define MAX_PAGES 40
#define VA        0x400000ul
#define AT_L1     28 /* the first tables are pages 28 .. 31 */
#define HELD      8

extern const uint8_t *at;                     /* the record's next byte */
extern uint64_t page[DOMAINS + 1][MAX_PAGES]; /* frame numbers that the domain has or had */
extern struct held {
    uint64_t frame;
    bool writable, used;
} held[HELD]; /* references from outside, as grants hold them */

/* The current domain and vCPU; the latter as the model has it. */
struct domain *me(void);
struct model_vcpu *mv(void);
/* Aborts if they differ. */
void expect(const char *what, long got, long want);

unsigned choose(size_t n);
unsigned other_domain(unsigned d);
uint64_t choose_frame(void);
uint64_t choose_slot(void);
uint64_t choose_entry(void);
uint64_t choose_va(void);
/* DOMID_SELF mostly; the domain, and the answer if that is enough for one. */
uint16_t choose_foreign(unsigned *d, long *rc);

bool is_own(uint64_t frame, unsigned d);
/* It has no use as anything but a writable page. */
bool can_write(uint64_t frame);
void drop_held(struct held *h);

/* op_tables.c */
void op_mmu_update(void);
void op_va_mapping(void);
void op_mmuext(void);
void op_direct_write(void);
void op_guest_write(void);
/* op_exchange.c */
void op_exchange(void);
/* op_others.c */
void op_descriptors(void);
void op_memory(void);
void op_grant(void);
void op_assist(void);

#endif
