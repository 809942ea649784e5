/* Numbers that C and assembly share: interrupt vectors, of which 0..31 are the processor's
 * exceptions, and selectors. */
#pragma once

#define VECTOR_NMI 2
#define VECTOR_BP  3
#define VECTOR_OF  4
#define VECTOR_UD  6
#define VECTOR_NM  7
#define VECTOR_DF  8
#define VECTOR_TS  10
#define VECTOR_GP  13
#define VECTOR_PF  14
#define VECTOR_AC  17
#define VECTOR_MC  18

#define VECTOR_PIC      0x20 /* 16 lines of the 8259 pair */
#define VECTOR_TIMER    0xf0 /* local APIC timer */
#define VECTOR_CALL     0xf1 /* from other CPUs: cpu_answer */
#define VECTOR_LOOK     0xf2 /* sched_look */
#define VECTOR_KICK     0xf3 /* the way out to the guest is all that is wanted */
#define VECTOR_SPURIOUS 0xff

/* Not vectors: how a guest's saved registers came about. */
#define VECTOR_BAD_IRET 0x100
#define VECTOR_SYSCALL  0xffffffffu

/* Selectors of ours in page 14 of every GDT, where the ABI fixes the flat ring 3 ones. */
#define SEL_HV_CODE   0xe008
#define SEL_HV_DATA   0xe010
#define SEL_USER_CS32 0xe023
#define SEL_USER_SS   0xe02b
#define SEL_USER_CS   0xe033
#define SEL_TSS       0xe040
#define SEL_LDT       0xe050

#define RFLAGS_VM_ 0x20000 /* without the suffix that assembly cannot read */
