/* A whole file, or what is to become one, in memory. */
#ifndef TOOLS_BLOB_H
#define TOOLS_BLOB_H

#include <stddef.h>

struct blob {
    void *bytes; /* from malloc; NULL when there is nothing */
    size_t size;
};

/* Reads all of an open file from where it stands. 0 or an errno value; nothing is kept on error. */
int blob_read_fd(struct blob *blob, int fd);

/* Reads the file. Returns 0, or complains (naming it as `what`, "kernel" say) and returns
 * STATUS_USAGE. */
int blob_read(struct blob *blob, const char *path, const char *what);

void blob_free(struct blob *blob);

#endif
