#include "pv/decode.h"
#include "cpu/cpu.h"
#include "cpu/insn.h"
#include "pv/pv.h"

#define REX_B 1u
#define REX_X 2u
#define REX_R 4u
#define REX_W 8u

uint64_t *insn_register(struct regs *r, unsigned number)
{
#define AT(name) offsetof(struct regs, name)
    static const uint8_t offset[16] = {AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp),
                                       AT(rsi), AT(rdi), AT(r8),  AT(r9),  AT(r10), AT(r11),
                                       AT(r12), AT(r13), AT(r14), AT(r15)};

    return (uint64_t *)((char *)r + offset[number & 15]);
}

/* Instructions near the end of a page may end there. */
static void fetch(struct insn *i, uint64_t rip)
{
    unsigned in_page = PAGE_SIZE - rip % PAGE_SIZE;

    i->fetched = 0;
    if (likely(in_page >= sizeof(i->code))) {
        if (copy_from_guest(i->code, guest_ptr(rip), sizeof(i->code)))
            i->fetched = INSN_BYTES_MAX;
        return;
    }
    if (copy_from_guest(i->code, guest_ptr(rip), in_page))
        i->fetched = in_page;
    if (i->fetched &&
        copy_from_guest(i->code + in_page, guest_ptr(rip + in_page), INSN_BYTES_MAX - in_page))
        i->fetched = INSN_BYTES_MAX;
}

static bool next_byte(struct insn *i, uint8_t *byte)
{
    if (i->length >= i->fetched)
        return false;
    *byte = i->code[i->length++];
    return true;
}

bool insn_immediate(struct insn *i, unsigned bytes, int64_t *value)
{
    uint64_t v = 0;
    uint8_t byte;

    for (unsigned n = 0; n < bytes; n++) {
        if (!next_byte(i, &byte))
            return false;
        v |= (uint64_t)byte << 8 * n;
    }
    *value = (int64_t)(v << (64 - 8 * bytes)) >> (64 - 8 * bytes);
    return true;
}

/* Segment bases: of the segments that have one in 64-bit code. */
static uint64_t segment_base(uint8_t prefix)
{
    return prefix == 0x64 ? rdmsr(MSR_FS_BASE) : prefix == 0x65 ? rdmsr(MSR_GS_BASE) : 0;
}

bool insn_decode(struct insn *i, const struct regs *r)
{
    uint8_t byte, segment = 0;

    if ((uint16_t)r->cs != SEL_USER_CS && !current->arch.pv.kernel_mode)
        return false; /* maybe 32-bit code of a user program */
    i->length = i->rex = 0;
    i->lock = i->rep = i->operand16 = i->memory = false;
    fetch(i, r->rip);
    for (;;) {
        if (!next_byte(i, &byte))
            return false;
        if ((byte & 0xf0) == 0x40)
            break;
        if (byte == 0xf0)
            i->lock = true;
        else if (byte == 0xf2 || byte == 0xf3)
            i->rep = true;
        else if (byte == 0x66)
            i->operand16 = true;
        else if (byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x64 ||
                 byte == 0x65)
            segment = byte;
        else
            break;
    }
    if ((byte & 0xf0) == 0x40) {
        i->rex = byte;
        if (!next_byte(i, &byte))
            return false;
    }
    i->opcode = byte;
    if (byte == 0x0f) {
        if (!next_byte(i, &byte))
            return false;
        i->opcode = 0x0f00 | byte;
    }
    i->bytes = i->rex & REX_W ? 8 : i->operand16 ? 2 : 4;
    i->address = segment_base(segment);
    return true;
}

static bool sib(struct insn *i, const struct regs *r, unsigned mod)
{
    struct regs *regs = (struct regs *)(uintptr_t)r;
    uint8_t byte;
    int64_t disp;

    if (!next_byte(i, &byte))
        return false;

    unsigned index = (byte >> 3 & 7) | (i->rex & REX_X ? 8 : 0);
    unsigned base = (byte & 7) | (i->rex & REX_B ? 8 : 0);

    if (index != 4)
        i->address += *insn_register(regs, index) << (byte >> 6);
    if (mod == 0 && (byte & 7) == 5) {
        if (!insn_immediate(i, 4, &disp))
            return false;
        i->address += disp;
    } else {
        i->address += *insn_register(regs, base);
    }
    return true;
}

bool insn_modrm(struct insn *i, const struct regs *r, unsigned rip_extra)
{
    struct regs *regs = (struct regs *)(uintptr_t)r;
    int64_t disp = 0;
    unsigned mod;

    if (!next_byte(i, &i->modrm))
        return false;
    mod = i->modrm >> 6;
    i->reg = (i->modrm >> 3 & 7) | (i->rex & REX_R ? 8 : 0);
    i->rm = (i->modrm & 7) | (i->rex & REX_B ? 8 : 0);
    i->memory = mod != 3;
    if (!i->memory)
        return true;
    if ((i->modrm & 7) == 4) {
        if (!sib(i, r, mod))
            return false;
    } else if (mod == 0 && (i->modrm & 7) == 5) {
        if (!insn_immediate(i, 4, &disp))
            return false;
        i->address += r->rip + i->length + rip_extra + disp;
        return true;
    } else {
        i->address += *insn_register(regs, i->rm);
    }
    if (mod && !insn_immediate(i, mod == 1 ? 1 : 4, &disp))
        return false;
    i->address += disp;
    return true;
}
