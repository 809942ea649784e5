/* Where the host tests put what the hypervisor keeps at fixed addresses: env.c maps it there. */
#ifndef CPU_LAYOUT_H
#define CPU_LAYOUT_H

#define L4_SLOT_LINEAR         255
#define L4_SLOT_FIRST_RESERVED 256
#define L4_SLOT_LAST_RESERVED  271
#define L4_SLOT_M2P            256
#define L4_SLOT_M2P_RW         257
#define L4_SLOT_DOMAIN         260
#define L4_SLOT_IMAGE          261
#define L4_SLOT_DIRECT         262

#define RESERVED_START 0xffff800000000000ul
#define RESERVED_END   0xffff880000000000ul

#define DOMAIN_AREA_START 0xffff820000000000ul

#define IMAGE_START       0x0ul
#define DIRECT_START      0x200000000000ul
#define FRAME_TABLE_START 0x210000000000ul
#define M2P_RW_START      0x220000000000ul
#define M2P_START         M2P_RW_START

#endif
