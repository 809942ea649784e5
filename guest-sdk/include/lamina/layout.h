/* Where a guest made with the SDK lives. Usable from assembly. */
#ifndef LAMINA_LAYOUT_H
#define LAMINA_LAYOUT_H

/* Pseudo-physical address 0 is mapped here (lamina.lds says why). */
#define LM_VIRT_BASE 0xffffffff80000000

#define LM_PAGE_SHIFT 12
#define LM_PAGE_SIZE  4096

/* Bytes of the stack that main() runs on. */
#define LM_STACK_SIZE 16384

#endif
