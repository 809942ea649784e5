/* lamina_op and what belongs to it: Lamina's own part of the ABI. Nothing here exists on Xen, which
 * answers lamina_op with -ENOSYS. */
#ifndef ABI_LAMINA_H
#define ABI_LAMINA_H

/* Versions of the ABI are published one after the other and never change once they are. A kernel
 * names the one it was written for in a note (LAMINA_ELFNOTE_ABI_VERSION) and sees that one. */
#define LAMINA_ABI_VERSION 1 /* the newest */

#define __HYPERVISOR_lamina_op 55 /* the last of Xen's architecture-reserved numbers */

#define LAMINA_OP_version 0
#define LAMINA_OP_wire    1
#define LAMINA_OP_audit   2

/* Bytes of a wire's name, NUL included. */
#define LAMINA_WIRE_NAME_LEN 32

/* Kinds of wire. */
#define LAMINA_WIRE_event_channel 1
#define LAMINA_WIRE_shared_page   2

/* The caller's role on a wire. An event channel has two equal ends; role tells which of the two in
 * the system tree's `ends` the caller is. */
#define LAMINA_WIRE_first  0 /* event channel: first end; shared page: the owner, who grants it */
#define LAMINA_WIRE_second 1 /* event channel: second end; shared page: the peer, who maps it */

#ifndef __ASSEMBLER__

#include <stdint.h>

/* LAMINA_OP_version */
struct lamina_version {
    uint32_t newest; /* out: newest version that this hypervisor has */
    uint32_t yours;  /* out: the version that the caller sees */
};

/* LAMINA_OP_wire: static wiring of the system tree, found by the name of its node. */
struct lamina_wire {
    char name[LAMINA_WIRE_NAME_LEN]; /* in: with its NUL */
    uint32_t kind;                   /* out: LAMINA_WIRE_event_channel or _shared_page */
    uint32_t role;                   /* out: LAMINA_WIRE_first or _second */
    uint16_t peer;                   /* out: domid of the other end */
    uint16_t pad;                    /* out: 0 */
    uint32_t
        id; /* out: event channel: the caller's own port, bound since before the domain started;
             * shared page: the grant reference, an entry of the owner's grant table */
};

/* LAMINA_OP_audit: what the hypervisor counts of each frame of the machine, against what refers to
 * it. A finding is a mistake of the hypervisor's. */
struct lamina_audit {
    uint64_t frames;   /* out: that were looked at */
    uint32_t findings; /* out: 0 if all is well; the first ones are lines in the hypervisor's log */
    uint32_t pad;      /* out: 0 */
};

#endif /* __ASSEMBLER__ */

#endif
