/* Features: bit numbers in the words of XENVER_get_features and of the ELF note
 * XEN_ELFNOTE_SUPPORTED_FEATURES. All of today's fit in the first 32-bit word. */
#ifndef ABI_FEATURES_H
#define ABI_FEATURES_H

#define XENFEAT_NR_SUBMAPS 1 /* number of 32-bit words */

#define XENFEAT_writable_page_tables       0 /* page tables need no pinning; never for PV here */
#define XENFEAT_writable_descriptor_tables 1
#define XENFEAT_auto_translated_physmap    2 /* pfn equals gfn; never for PV */
#define XENFEAT_supervisor_mode_kernel     3 /* the guest's kernel runs in ring 0; never */
#define XENFEAT_pae_pgdir_above_4gb        4 /* page-table roots may be anywhere */
#define XENFEAT_mmu_pt_update_preserve_ad  5 /* MMU_PT_UPDATE_PRESERVE_AD works */
#define XENFEAT_highmem_assist             6
#define XENFEAT_gnttab_map_avail_bits      7 /* GNTMAP_guest_avail_mask works */
#define XENFEAT_hvm_callback_vector        8
#define XENFEAT_hvm_safe_pvclock           9
#define XENFEAT_hvm_pirqs                  10
#define XENFEAT_dom0                       11 /* in a note: may run with hardware access */
#define XENFEAT_memory_op_vnode_supported  13
#define XENFEAT_ARM_SMCCC_supported        14
#define XENFEAT_linux_rsdp_unrestricted    15
#define XENFEAT_not_direct_mapped          16
#define XENFEAT_direct_mapped              17

#endif
