/* Error numbers. A hypercall that fails returns one of these, negated. The numbers are those of
 * Linux, whatever the guest uses itself. */
#ifndef ABI_ERRNO_H
#define ABI_ERRNO_H

#define XEN_EPERM         1 /* the caller lacks the privilege */
#define XEN_ENOENT        2 /* no such vCPU, name or object */
#define XEN_ESRCH         3 /* no such domain */
#define XEN_EIO           5
#define XEN_ENXIO         6
#define XEN_E2BIG         7 /* a count above its limit */
#define XEN_ENOEXEC       8
#define XEN_EBADF         9
#define XEN_ECHILD        10
#define XEN_EAGAIN        11 /* not now; the same call may work later */
#define XEN_EWOULDBLOCK   11
#define XEN_ENOMEM        12 /* the hypervisor or the domain's allowance has no memory left */
#define XEN_EACCES        13
#define XEN_EFAULT        14 /* a pointer argument cannot be read or written */
#define XEN_EBUSY         16 /* the object is in use in a way that excludes this one */
#define XEN_EEXIST        17 /* already bound, registered or present */
#define XEN_EXDEV         18
#define XEN_ENODEV        19
#define XEN_ENOTDIR       20
#define XEN_EISDIR        21
#define XEN_EINVAL        22 /* an argument is outside its range or breaks a rule */
#define XEN_ENFILE        23
#define XEN_EMFILE        24
#define XEN_ENOSPC        28 /* a table (ports, grants) is full */
#define XEN_EROFS         30
#define XEN_EMLINK        31
#define XEN_EDOM          33
#define XEN_ERANGE        34
#define XEN_EDEADLK       35
#define XEN_EDEADLOCK     35
#define XEN_ENAMETOOLONG  36
#define XEN_ENOLCK        37
#define XEN_ENOSYS        38 /* the caller's ABI version has no such call or sub-operation */
#define XEN_ENOTEMPTY     39
#define XEN_ENODATA       61 /* the information asked for does not exist */
#define XEN_ETIME         62 /* a deadline lies in the past */
#define XEN_EBADMSG       74
#define XEN_EOVERFLOW     75
#define XEN_EILSEQ        84
#define XEN_ENOTSOCK      88
#define XEN_EMSGSIZE      90
#define XEN_EOPNOTSUPP    95 /* known, but never available to this kind of guest */
#define XEN_EADDRINUSE    98
#define XEN_EADDRNOTAVAIL 99
#define XEN_ENOBUFS       105
#define XEN_EISCONN       106
#define XEN_ENOTCONN      107
#define XEN_ETIMEDOUT     110
#define XEN_ECONNREFUSED  111

#endif
