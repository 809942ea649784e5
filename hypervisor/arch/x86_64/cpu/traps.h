/* What happens at an exception or interrupt. cpu/traps.c sorts them; the guest_ functions are
 * supplied by pv/. */
#pragma once

#include "lib/types.h"
#include "cpu/regs.h"

/* An exception (vector < 32) that a guest raised, page fault excepted. */
void guest_exception(struct vcpu *v, struct regs *regs);
void guest_page_fault(struct vcpu *v, struct regs *regs, uint64_t address);
/* The guest runs with flags that no processor lets ring 3 have: some emulated ones let a 32-bit
 * IRET set VM and with it IOPL. Ends the domain. */
void guest_bad_flags(struct vcpu *v, struct regs *regs);
/* int $n of a guest for n in 32 .. 255 reaches us as #GP: that is guest_exception's business. */

/* A page fault of the hypervisor's own on a guest's behalf: true if the cause was removed. */
bool hypervisor_page_fault(const struct regs *regs, uint64_t address);

/* The 8259 pair: nothing but COM1 comes through it. */
void pic_init(void);
void pic_open_com1(void);

/* COM1, which arch_console_write writes to. */
void serial_init(void);
/* From now on console_interrupt is called when there is input. */
void serial_listen(void);
void console_interrupt(void);
