/* The memory that firmware left, where the test has it. */
#ifndef CPU_LAYOUT_H
#define CPU_LAYOUT_H

#define DIRECT_START 0x200000000000ul
#define BOOT_LIMIT   (4ul << 30)

#endif
