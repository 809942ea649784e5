/* Decodes the few forms of 64-bit instructions that the hypervisor carries out for a guest:
 * privileged ones, and those that write memory. */
#ifndef PV_DECODE_H
#define PV_DECODE_H

#include "core/domain.h"
#include "cpu/regs.h"

#define INSN_BYTES_MAX 15

struct insn {
    uint16_t opcode; /* 0x0fXX for two-byte ones */
    uint8_t length;  /* up to and with what was read so far */
    uint8_t bytes; /* operand size: 1, 2, 4, 8; opcodes with byte forms are the caller's to know */
    uint8_t rex;
    bool lock, rep, operand16;
    bool memory;
    uint8_t reg, rm;  /* register numbers 0 .. 15 of the ModRM byte */
    uint64_t address; /* memory: linear address of the operand */
    uint8_t modrm;
    uint8_t code[16];
    uint8_t fetched; /* bytes of code that could be read */
};

/* Reads prefixes and opcode at rip. False: not readable, or not 64-bit code. */
bool insn_decode(struct insn *i, const struct regs *r);
/* Goes on with a ModRM byte; rip_extra: immediate bytes that follow, for addresses relative to rip.
 */
bool insn_modrm(struct insn *i, const struct regs *r, unsigned rip_extra);
/* The next bytes as a sign-extended immediate (1, 2 or 4 bytes). */
bool insn_immediate(struct insn *i, unsigned bytes, int64_t *value);

/* General register by number; 4 is rsp. */
uint64_t *insn_register(struct regs *r, unsigned number);

#endif
