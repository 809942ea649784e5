/* A kernel's direct write to one of its page tables, which it has mapped read-only: the instruction
 * is carried out here, the new value of the entry checked like any other. Understood are the forms
 * that kernels use on page-table entries: moves, exchanges, compare-and-exchange, and/or/xor, bit
 * operations; of 1 to 8 bytes that do not cross an entry. */
#include "core/log.h"
#include "cpu/insn.h"
#include "paging/emulated_write.h"
#include "pv/decode.h"
#include "pv/pv.h"

#define FLAG_CF   0x001u
#define FLAG_PF   0x004u
#define FLAG_AF   0x010u
#define FLAG_ZF   0x040u
#define FLAG_SF   0x080u
#define FLAG_OF   0x800u
#define FLAGS_ALL (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* What an instruction makes of its memory operand `old`. */
struct effect {
    uint64_t memory;
    bool writes_register;
    uint8_t reg;
    uint64_t value; /* for that register; as wide as the operand */
    uint64_t flags_changed, flags;
};

static uint64_t width_mask(unsigned bytes)
{
    return bytes == 8 ? ~0ul : (1ul << 8 * bytes) - 1;
}

static uint64_t logic_flags(uint64_t result, unsigned bytes)
{
    uint64_t flags = 0;

    if (!(result & width_mask(bytes)))
        flags |= FLAG_ZF;
    if (result >> (8 * bytes - 1) & 1)
        flags |= FLAG_SF;
    if (!__builtin_parity(result & 0xff))
        flags |= FLAG_PF;
    return flags;
}

/* Flags of a comparison a - b. */
static uint64_t compare_flags(uint64_t a, uint64_t b, unsigned bytes)
{
    uint64_t mask = width_mask(bytes), d = (a - b) & mask;
    uint64_t flags = logic_flags(d, bytes);

    a &= mask;
    b &= mask;
    if (a < b)
        flags |= FLAG_CF;
    if ((a ^ b ^ d) & 0x10)
        flags |= FLAG_AF;
    if (((a ^ b) & (a ^ d)) >> (8 * bytes - 1) & 1)
        flags |= FLAG_OF;
    return flags;
}

enum operation { OP_MOV, OP_OR, OP_AND, OP_XOR, OP_XCHG, OP_CMPXCHG, OP_BTS, OP_BTR, OP_BTC };

struct write {
    struct insn i;
    enum operation op;
    unsigned bytes;
    uint64_t source; /* register or immediate operand */
};

static enum operation logic_operation(unsigned number, bool *ok)
{
    *ok = number == 1 || number == 4 || number == 6;
    return number == 1 ? OP_OR : number == 4 ? OP_AND : OP_XOR;
}

/* A byte register is the low byte, or without REX for 4 to 7 the second byte of 0 to 3. */
static uint64_t source_register(struct regs *r, const struct insn *i, unsigned bytes)
{
    if (bytes == 1 && !i->rex && i->reg >= 4)
        return *insn_register(r, i->reg - 4) >> 8;
    return *insn_register(r, i->reg);
}

static bool decode_immediate(struct write *w, struct regs *r, unsigned imm_bytes)
{
    int64_t imm;

    if (!insn_modrm(&w->i, r, imm_bytes) || !insn_immediate(&w->i, imm_bytes, &imm))
        return false;
    w->source = (uint64_t)imm;
    return true;
}

static bool decode_register(struct write *w, struct regs *r)
{
    if (!insn_modrm(&w->i, r, 0))
        return false;
    w->source = source_register(r, &w->i, w->bytes);
    return true;
}

static bool decode(struct write *w, struct regs *r)
{
    struct insn *i = &w->i;
    bool ok = true;

    if (!insn_decode(i, r))
        return false;

    /* In most forms the lowest bit of the opcode tells a byte operand from a wide one. */
    w->bytes = i->opcode & 1 ? i->bytes : 1;
    switch (i->opcode) {
    case 0x88:
    case 0x89:
        w->op = OP_MOV;
        return decode_register(w, r);
    case 0x08:
    case 0x09:
    case 0x20:
    case 0x21:
    case 0x30:
    case 0x31:
        w->op = logic_operation(i->opcode >> 3, &ok);
        return decode_register(w, r);
    case 0x86:
    case 0x87:
        w->op = OP_XCHG;
        return decode_register(w, r);
    case 0x0fb0:
    case 0x0fb1:
        w->op = OP_CMPXCHG;
        return decode_register(w, r);
    case 0xc6:
    case 0xc7:
        w->op = OP_MOV;
        return decode_immediate(w, r, MIN(w->bytes, 4u)) && (i->reg & 7) == 0;
    case 0x80:
    case 0x81:
    case 0x83:
        if (!decode_immediate(w, r, i->opcode == 0x81 ? MIN(w->bytes, 4u) : 1))
            return false;
        w->op = logic_operation(i->reg & 7, &ok);
        return ok;
    case 0x0fab:
    case 0x0fb3:
    case 0x0fbb:
        w->bytes = i->bytes;
        w->op = i->opcode == 0x0fab ? OP_BTS : i->opcode == 0x0fb3 ? OP_BTR : OP_BTC;
        return decode_register(w, r) && w->source < 8 * w->bytes;
    case 0x0fba:
        w->bytes = i->bytes;
        if (!decode_immediate(w, r, 1) || (i->reg & 7) < 5)
            return false;
        w->op = OP_BTS + (i->reg & 7) - 5;
        w->source &= 8 * w->bytes - 1;
        return true;
    default:
        return false;
    }
}

static void set_logic(struct effect *e, uint64_t value, unsigned bytes)
{
    e->memory = value;
    e->flags_changed = FLAGS_ALL;
    e->flags = logic_flags(value, bytes);
}

static struct effect effect_of(const struct write *w, const struct regs *r, uint64_t old)
{
    struct effect e = {.memory = old};
    uint64_t bit = 1ul << (w->source & 63);

    switch (w->op) {
    case OP_MOV:
        e.memory = w->source;
        break;
    case OP_OR:
        set_logic(&e, old | w->source, w->bytes);
        break;
    case OP_AND:
        set_logic(&e, old & w->source, w->bytes);
        break;
    case OP_XOR:
        set_logic(&e, old ^ w->source, w->bytes);
        break;
    case OP_XCHG:
        e = (struct effect){w->source, true, w->i.reg, old, 0, 0};
        break;
    case OP_CMPXCHG:
        e.flags_changed = FLAGS_ALL;
        e.flags = compare_flags(r->rax, old, w->bytes);
        if (e.flags & FLAG_ZF)
            e.memory = w->source;
        else
            e = (struct effect){old, true, 0, old, e.flags_changed, e.flags};
        break;
    case OP_BTS:
    case OP_BTR:
    case OP_BTC:
        e.memory = w->op == OP_BTS ? old | bit : w->op == OP_BTR ? old & ~bit : old ^ bit;
        e.flags_changed = FLAG_CF;
        e.flags = old & bit ? FLAG_CF : 0;
        break;
    }
    return e;
}

/* Writing the low half of a register clears the upper one; narrower writes leave the rest. */
static void set_register(struct regs *r, const struct write *w, const struct effect *e)
{
    unsigned number = e->reg, shift = 0;
    uint64_t mask = width_mask(w->bytes);

    if (w->bytes == 1 && !w->i.rex && number >= 4) {
        number -= 4;
        shift = 8;
    }

    uint64_t *reg = insn_register(r, number);

    *reg =
        w->bytes == 4 ? (uint32_t)e->value : (*reg & ~(mask << shift)) | (e->value & mask) << shift;
}

/* Long enough for any race with the processor's accessed and dirty bits. */
#define TRIES 16

bool pv_emulate_table_write(struct vcpu *v, struct regs *r, uint64_t address)
{
    enum entry_write done = ENTRY_CHANGED;
    uint64_t *entry, old, mask;
    struct effect e = {0};
    struct write w;
    unsigned shift = address % 8 * 8;

    if (!decode(&w, r) || !w.i.memory || w.i.address != address || address % 8 + w.bytes > 8) {
        if (paging_lock_entry(v, address & ~7ul)) {
            paging_unlock_entry(v);
            guest_log(v->domain, "direct write at %#lx: that instruction is not emulated", address);
        }
        return false;
    }
    entry = paging_lock_entry(v, address & ~7ul);
    if (!entry)
        return false;
    mask = width_mask(w.bytes);
    for (unsigned tries = 0; tries < TRIES && done == ENTRY_CHANGED; tries++) {
        old = READ_ONCE(*entry);
        e = effect_of(&w, r, old >> shift & mask);
        done = paging_write_entry(v, entry, old,
                                  (old & ~(mask << shift)) | (e.memory & mask) << shift);
    }
    paging_unlock_entry(v);
    if (done != ENTRY_WRITTEN)
        return false;
    if (e.writes_register)
        set_register(r, &w, &e);
    r->rflags = (r->rflags & ~e.flags_changed) | e.flags;
    r->rip += w.i.length;
    return true;
}
