/* The address space above the guest's lower half. Slots are entries of the L4 table.
 *   256       M2P, readable by guests (the ABI fixes address and extent)
 *   257       M2P again, writable, for the hypervisor
 *   260       the current domain's own pages: GDT and LDT of each vCPU
 *   261       hypervisor image, frame table, CPU-local pages
 *   262..271  all memory, mapped directly
 *   others    the guest's */
#pragma once

#define L4_SLOT_LINEAR         255 /* where NetBSD's L4 tables name themselves, if the domain may */
#define L4_SLOT_FIRST_RESERVED 256
#define L4_SLOT_LAST_RESERVED  271
#define L4_SLOT_M2P            256
#define L4_SLOT_M2P_RW         257
#define L4_SLOT_DOMAIN         260
#define L4_SLOT_IMAGE          261
#define L4_SLOT_DIRECT         262

#define LINEAR_START   0x00007f8000000000 /* of slot 255 */
#define LOWER_HALF_END 0x0000800000000000
#define RESERVED_START 0xffff800000000000 /* of slot 256 */
#define RESERVED_END   0xffff880000000000 /* end of slot 271 */

#define M2P_START         0xffff800000000000
#define M2P_RW_START      0xffff808000000000
#define DOMAIN_AREA_START 0xffff820000000000
#define IMAGE_START       0xffff828000000000
#define FRAME_TABLE_START 0xffff829000000000
#define CPU_AREA_START    0xffff82a000000000
#define DIRECT_START      0xffff830000000000
#define DIRECT_END        0xffff880000000000

#define BOOT_LIMIT 0x100000000 /* of the direct map that the boot page tables have */
