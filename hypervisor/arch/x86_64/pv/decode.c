#include "pv/decode.h"
#include "cpu/vectors.h"
#include "pv/pv.h"

#define REX_B 1u
#define REX_X 2u
#define REX_R 4u
#define REX_W 8u

/* What follows an opcode. In most the lowest bit tells a byte operand from a wide one. */
enum form {
    PLAIN = 0x01, /* nothing */
    MODRM = 0x02,
    IMM8 = 0x04,
    IMM32 = 0x08, /* as wide as the operand, but at most 32 bits */
    WIDE = 0x10,  /* no byte operand, whatever the lowest bit says */
};

/* The opcodes that are understood, one-byte ones and those after 0x0f; what becomes of them is in
 * emulate.c and direct_write.c. */
static const uint8_t forms[2][256] = {
    {
        [0x08 ... 0x09] = MODRM, /* or */
        [0x20 ... 0x21] = MODRM, /* and */
        [0x30 ... 0x31] = MODRM, /* xor */
        [0x80] = MODRM | IMM8,   /* or, and, xor */
        [0x81] = MODRM | IMM32,
        [0x83] = MODRM | IMM8,
        [0x86 ... 0x87] = MODRM, /* xchg */
        [0x88 ... 0x89] = MODRM, /* mov */
        [0xc6] = MODRM | IMM8,
        [0xc7] = MODRM | IMM32,
        [0xe4 ... 0xe7] = IMM8, /* in, out */
        [0xec ... 0xef] = PLAIN,
        [0xfa ... 0xfb] = PLAIN, /* cli, sti */
    },
    {
        [0x01] = MODRM, /* xsetbv */
        [0x06] = PLAIN, /* clts */
        [0x09] = PLAIN, /* wbinvd */
        [0x20] = MODRM, /* mov of control registers */
        [0x22] = MODRM,
        [0x30] = PLAIN, /* wrmsr, rdmsr */
        [0x32] = PLAIN,
        [0xab] = MODRM, /* bts, btr, btc */
        [0xb3] = MODRM,
        [0xbb] = MODRM,
        [0xba] = MODRM | IMM8 | WIDE,
        [0xb0 ... 0xb1] = MODRM, /* cmpxchg */
    },
};

uint64_t *insn_register(struct regs *r, unsigned number)
{
#define AT(name) offsetof(struct regs, name)
    static const uint8_t offset[16] = {AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp),
                                       AT(rsi), AT(rdi), AT(r8),  AT(r9),  AT(r10), AT(r11),
                                       AT(r12), AT(r13), AT(r14), AT(r15)};

    return (uint64_t *)((char *)r + offset[number & 15]);
}

/* Byte registers 4 .. 7 are, without a REX prefix, the second bytes of registers 0 .. 3. */
static bool is_second_byte(const struct insn *i, unsigned number)
{
    return i->bytes == 1 && !i->rex && number >= 4;
}

static uint64_t read_register(const struct insn *i, struct regs *r, unsigned number)
{
    return is_second_byte(i, number) ? *insn_register(r, number - 4) >> 8
                                     : *insn_register(r, number);
}

/* Writing the low half of a register clears the upper one; narrower writes leave the rest. */
void insn_set_register(const struct insn *i, struct regs *r, unsigned number, uint64_t value)
{
    bool second = is_second_byte(i, number);
    uint64_t *reg = insn_register(r, second ? number - 4 : number);
    uint64_t mask = insn_width_mask(i) << (second ? 8 : 0);

    if (second)
        value <<= 8;
    *reg = i->bytes == 4 ? (uint32_t)value : (*reg & ~mask) | (value & mask);
}

/* Instructions near the end of a page may end there. */
static void fetch(struct insn *i, uint64_t rip)
{
    unsigned in_page = PAGE_SIZE - rip % PAGE_SIZE;

    i->fetched = 0;
    if (likely(copy_from_guest(i->code, guest_ptr(rip), sizeof(i->code))))
        i->fetched = INSN_BYTES_MAX;
    else if (in_page < sizeof(i->code) && copy_from_guest(i->code, guest_ptr(rip), in_page))
        i->fetched = in_page;
}

static bool next_byte(struct insn *i, uint8_t *byte)
{
    if (i->length >= i->fetched)
        return false;
    *byte = i->code[i->length++];
    return true;
}

/* The next bytes (1, 2 or 4), sign-extended. */
static bool next_signed(struct insn *i, unsigned bytes, uint64_t *value)
{
    uint64_t v = 0;
    uint8_t byte;

    for (unsigned n = 0; n < bytes; n++) {
        if (!next_byte(i, &byte))
            return false;
        v |= (uint64_t)byte << 8 * n;
    }
    *value = (uint64_t)((int64_t)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes));
    return true;
}

/* The base of a segment, which in 64-bit code only these have. */
static uint64_t segment_base(uint8_t prefix)
{
    return prefix == 0x64 ? rdmsr(MSR_FS_BASE) : prefix == 0x65 ? rdmsr(MSR_GS_BASE) : 0;
}

/* Adds up the address; trailing: bytes of an immediate, which count where rip is the base. */
static bool memory_operand(struct insn *i, struct regs *r, unsigned trailing)
{
    unsigned mod = i->modrm >> 6, base = i->modrm & 7;
    const bool sib = base == 4;
    uint64_t displacement;
    uint8_t byte;

    i->address = segment_base(i->segment);
    if (sib) {
        if (!next_byte(i, &byte))
            return false;

        unsigned index = (byte >> 3 & 7) | (i->rex & REX_X ? 8 : 0);

        if (index != 4)
            i->address += *insn_register(r, index) << (byte >> 6);
        base = byte & 7;
    }

    const bool no_base = mod == 0 && base == 5;

    if (!no_base)
        i->address += *insn_register(r, base | (i->rex & REX_B ? 8 : 0));
    if (mod || no_base) {
        if (!next_signed(i, mod == 1 ? 1 : 4, &displacement))
            return false;
        i->address += displacement;
    }
    if (no_base && !sib)
        i->address += r->rip + i->length + trailing;
    return true;
}

static bool modrm(struct insn *i, struct regs *r, unsigned trailing)
{
    if (!next_byte(i, &i->modrm))
        return false;
    i->reg = (i->modrm >> 3 & 7) | (i->rex & REX_R ? 8 : 0);
    i->rm = (i->modrm & 7) | (i->rex & REX_B ? 8 : 0);
    i->source = read_register(i, r, i->reg);
    i->memory = i->modrm < 0xc0;
    return !i->memory || memory_operand(i, r, trailing);
}

bool insn_decode(struct insn *i, struct regs *r)
{
    bool operand16 = false, after_0f;
    uint8_t byte, form;

    if ((uint16_t)r->cs != SEL_USER_CS && !current->arch.pv.kernel_mode)
        return false; /* maybe 32-bit code of a user program */
    i->length = i->segment = i->rex = 0;
    i->memory = false;
    fetch(i, r->rip);
    for (;;) {
        if (!next_byte(i, &byte))
            return false;
        if (byte == 0x66)
            operand16 = true;
        else if (byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x64 ||
                 byte == 0x65)
            i->segment = byte;
        else if (byte != 0xf0 && byte != 0xf2 && byte != 0xf3)
            break;
    }
    if ((byte & 0xf0) == 0x40) {
        i->rex = byte;
        if (!next_byte(i, &byte))
            return false;
    }
    after_0f = byte == 0x0f;
    if (after_0f && !next_byte(i, &byte))
        return false;
    form = forms[after_0f][byte];
    if (!form)
        return false;
    i->opcode = after_0f ? 0x0f00 | byte : byte;
    i->bytes = !(byte & 1) && !(form & WIDE) ? 1 : i->rex & REX_W ? 8 : operand16 ? 2 : 4;

    const unsigned imm_bytes = form & IMM8 ? 1 : form & IMM32 ? MIN(i->bytes, 4u) : 0;

    if (form & MODRM && !modrm(i, r, imm_bytes))
        return false;
    return !imm_bytes || next_signed(i, imm_bytes, &i->source);
}
