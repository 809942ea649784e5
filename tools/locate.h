/* Where the tool's own files are: the bootable hypervisor, the examples. */
#ifndef TOOLS_LOCATE_H
#define TOOLS_LOCATE_H

/* The folder that holds hypervisor/lamina.bin and examples/: the build tree that this executable is
 * in, or the installed share/lamina beside its bin/. NULL when neither is there. Never free it. */
const char *locate_root(void);

/* A file under locate_root(), in malloc'ed memory; NULL when it is not there. */
char *locate(const char *name);

#endif
