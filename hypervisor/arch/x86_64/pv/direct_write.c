/* A kernel's direct write to one of its page tables, which it has mapped read-only: the instruction
 * is carried out here, the new value of the entry checked like any other. Understood are the forms
 * that kernels use on page-table entries: moves, exchanges, compare-and-exchange, and/or/xor, bit
 * operations; of 1 to 8 bytes that do not cross an entry. */
#include "core/log.h"
#include "paging/type.h"
#include "pv/decode.h"
#include "pv/pv.h"

#define FLAG_CF   0x001u
#define FLAG_PF   0x004u
#define FLAG_AF   0x010u
#define FLAG_ZF   0x040u
#define FLAG_SF   0x080u
#define FLAG_OF   0x800u
#define FLAGS_ALL (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

#define NO_REGISTER 16

/* What an instruction makes of its memory operand: the new value, which register gets the old one,
 * and flags. */
struct effect {
    uint64_t memory;
    unsigned old_goes_to;
    uint64_t flags_changed, flags;
};

/* Flags of a comparison a - b. */
static uint64_t compare_flags(const struct insn *i, uint64_t a, uint64_t b)
{
    uint64_t mask = insn_width_mask(i), d = (a - b) & mask, sign = 1ul << (8 * i->bytes - 1);

    return ((a & mask) < (b & mask) ? FLAG_CF : 0) | (__builtin_parity(d & 0xff) ? 0 : FLAG_PF) |
           ((a ^ b ^ d) & FLAG_AF) | (d ? 0 : FLAG_ZF) | (d & sign ? FLAG_SF : 0) |
           ((a ^ b) & (a ^ d) & sign ? FLAG_OF : 0);
}

/* The number is that in the opcode or the ModRM byte: or, and, xor. */
static bool logic(const struct insn *i, unsigned number, uint64_t old, struct effect *e)
{
    e->memory = number == 1 ? old | i->source : number == 4 ? old & i->source : old ^ i->source;
    e->flags_changed = FLAGS_ALL;
    e->flags = compare_flags(i, e->memory, 0); /* those of a logic operation are the same */
    return number == 1 || number == 4 || number == 6;
}

/* Set, reset, complement. */
static bool change_bit(unsigned number, uint64_t bit, uint64_t old, struct effect *e)
{
    e->memory = number == 5 ? old | bit : number == 6 ? old & ~bit : old ^ bit;
    e->flags_changed = FLAG_CF;
    e->flags = old & bit ? FLAG_CF : 0;
    return number >= 5;
}

/* False: not one of the instructions that are carried out. */
static bool effect_of(const struct insn *i, const struct regs *r, uint64_t old, struct effect *e)
{
    *e = (struct effect){.memory = i->source, .old_goes_to = NO_REGISTER};
    switch (i->opcode) {
    case 0x88 ... 0x89:
        return true;
    case 0xc6 ... 0xc7:
        return (i->reg & 7) == 0;
    case 0x08 ... 0x31: /* those of them that are decoded */
        return logic(i, i->opcode >> 3, old, e);
    case 0x80 ... 0x83:
        return logic(i, i->reg & 7, old, e);
    case 0x86 ... 0x87:
        e->old_goes_to = i->reg;
        return true;
    case 0x0fb0 ... 0x0fb1:
        e->flags_changed = FLAGS_ALL;
        e->flags = compare_flags(i, r->rax, old);
        if (!(e->flags & FLAG_ZF)) {
            e->memory = old;
            e->old_goes_to = 0; /* rax */
        }
        return true;
    case 0x0fab:
    case 0x0fb3:
    case 0x0fbb:
        return i->source < 8 * i->bytes && change_bit(i->opcode >> 3 & 7, 1ul << i->source, old, e);
    case 0x0fba:
        return change_bit(i->reg & 7, 1ul << i->source % (8 * i->bytes), old, e);
    default:
        return false;
    }
}

/* Long enough for any race with the processor's accessed and dirty bits. */
#define TRIES 16

bool pv_direct_write(struct vcpu *v, struct regs *r, uint64_t address)
{
    unsigned shift = address % 8 * 8;
    uint64_t *entry, old = 0, mask = 0;
    struct effect e;
    struct insn i;
    int rc = -XEN_EAGAIN;
    bool known =
        insn_decode(&i, r) && i.memory && i.address == address && address % 8 + i.bytes <= 8;

    entry = paging_lock_entry(v, address & ~7ul);
    if (!entry)
        return false;
    for (unsigned tries = 0; known && tries < TRIES && rc == -XEN_EAGAIN; tries++) {
        mask = insn_width_mask(&i) << shift;
        old = READ_ONCE(*entry);
        known = effect_of(&i, r, (old & mask) >> shift, &e);
        if (known)
            rc = paging_write_entry(v, entry, old, (old & ~mask) | (e.memory << shift & mask));
    }
    paging_unlock(v->domain);
    if (!known)
        guest_log(v->domain, "direct write at %#lx: that instruction is not emulated", address);
    if (rc)
        return false;
    if (e.old_goes_to != NO_REGISTER)
        insn_set_register(&i, r, e.old_goes_to, (old & mask) >> shift);
    r->rflags = (r->rflags & ~e.flags_changed) | e.flags;
    r->rip += i.length;
    return true;
}
