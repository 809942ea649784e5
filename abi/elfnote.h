/* ELF notes by which a kernel says what it is and how to start it. Owner "Xen"; a description is a
 * number (4 or 8 bytes, little endian) or a string with its NUL. */
#ifndef ABI_ELFNOTE_H
#define ABI_ELFNOTE_H

#define XEN_ELFNOTE_INFO               0
#define XEN_ELFNOTE_ENTRY              1  /* number: virtual address of the first instruction */
#define XEN_ELFNOTE_HYPERCALL_PAGE     2  /* number: virtual address of a page to fill in */
#define XEN_ELFNOTE_VIRT_BASE          3  /* number: virtual address of pfn 0 */
#define XEN_ELFNOTE_PADDR_OFFSET       4  /* number: p_paddr of pfn 0's first byte */
#define XEN_ELFNOTE_XEN_VERSION        5  /* string: "xen-3.0" */
#define XEN_ELFNOTE_GUEST_OS           6  /* string */
#define XEN_ELFNOTE_GUEST_VERSION      7  /* string */
#define XEN_ELFNOTE_LOADER             8  /* string: "generic" */
#define XEN_ELFNOTE_PAE_MODE           9  /* string; 32-bit guests only */
#define XEN_ELFNOTE_FEATURES           10 /* string: names, "|"-separated, "!" for required ones */
#define XEN_ELFNOTE_BSD_SYMTAB         11 /* string: "yes" to load the symbol table */
#define XEN_ELFNOTE_HV_START_LOW       12 /* number: lowest address the hypervisor may use */
#define XEN_ELFNOTE_L1_MFN_VALID       13 /* mask and value that mark a present L1 entry */
#define XEN_ELFNOTE_SUSPEND_CANCEL     14 /* number: 1 if a suspend may return */
#define XEN_ELFNOTE_INIT_P2M           15 /* number: virtual address for the initial p2m */
#define XEN_ELFNOTE_MOD_START_PFN      16 /* number: 1 takes mod_start as a pfn, unmapped */
#define XEN_ELFNOTE_SUPPORTED_FEATURES 17 /* number: bits 1 << XENFEAT_* */
#define XEN_ELFNOTE_PHYS32_ENTRY       18 /* number: entry for other kinds of guest */
#define XEN_ELFNOTE_MAX                XEN_ELFNOTE_PHYS32_ENTRY

/* Notes of owner "Lamina". */
#define LAMINA_ELFNOTE_OWNER       "Lamina"
#define LAMINA_ELFNOTE_ABI_VERSION 1 /* 4-byte number: the ABI version that the kernel wants */

#endif
