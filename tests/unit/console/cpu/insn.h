/* Port accesses as functions of the test's. */
#ifndef CPU_INSN_H
#define CPU_INSN_H

#include "lib/types.h"

uint8_t inb(uint16_t port);
void outb(uint16_t port, uint8_t value);

#endif
