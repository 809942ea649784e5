/* Decodes the few 64-bit instructions that the hypervisor carries out for a guest: privileged ones,
 * and those that write memory. */
#pragma once

#include "core/domain.h"
#include "cpu/regs.h"

#define INSN_BYTES_MAX 15

struct insn {
    uint16_t opcode; /* 0x0fXX for two-byte ones */
    uint8_t length;
    uint8_t bytes;   /* operand size: 1, 2, 4, 8 */
    uint8_t segment; /* the last prefix that names one, 0: none */
    uint8_t rex, modrm;
    bool memory;      /* one operand is in memory ... */
    uint64_t address; /* ... at this linear address */
    uint8_t reg, rm;  /* register numbers 0 .. 15 of the ModRM byte */
    uint64_t source;  /* the immediate operand, sign-extended, or else what is in register reg */
    uint8_t code[16];
    uint8_t fetched; /* bytes of code that could be read */
};

/* The instruction at rip. False: not readable, not 64-bit code, or none of those. */
bool insn_decode(struct insn *i, struct regs *r);

/* General register by number; 4 is rsp. */
uint64_t *insn_register(struct regs *r, unsigned number);
/* Writes a register operand of the instruction's size. */
void insn_set_register(const struct insn *i, struct regs *r, unsigned number, uint64_t value);

static inline uint64_t insn_width_mask(const struct insn *i)
{
    return ~0ul >> (64 - 8 * i->bytes);
}
