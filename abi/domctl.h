/* domctl: what a domain with the control privilege does with others. Of Xen's operations there is
 * pausing; the structure is as long as Xen's, whose other operations have their arguments in u. */
#ifndef ABI_DOMCTL_H
#define ABI_DOMCTL_H

#define XEN_DOMCTL_INTERFACE_VERSION 0x00000015

#define XEN_DOMCTL_pausedomain   3
#define XEN_DOMCTL_unpausedomain 4

#ifndef __ASSEMBLER__

#include <stdint.h>

struct xen_domctl {
    uint32_t cmd;               /* XEN_DOMCTL_* */
    uint32_t interface_version; /* XEN_DOMCTL_INTERFACE_VERSION */
    uint16_t domain;
    uint16_t _pad[3];
    union {
        uint8_t pad[128];
    } u;
};

#endif /* __ASSEMBLER__ */

#endif
