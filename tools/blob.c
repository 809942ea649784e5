#include "blob.h"

#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int blob_read_fd(struct blob *blob, int fd)
{
    size_t room = 0;
    ssize_t got;

    *blob = (struct blob){0};
    do {
        if (blob->size == room) {
            room = room ? room * 2 : 65536;
            void *larger = realloc(blob->bytes, room);
            if (!larger) {
                blob_free(blob);
                return ENOMEM;
            }
            blob->bytes = larger;
        }
        got = read(fd, (char *)blob->bytes + blob->size, room - blob->size);
        if (got > 0)
            blob->size += (size_t)got;
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0) {
        int error = errno;
        blob_free(blob);
        return error;
    }
    return 0;
}

int blob_read(struct blob *blob, const char *path, const char *what)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? errno : blob_read_fd(blob, fd);

    if (fd >= 0)
        close(fd);
    if (error) {
        complain("cannot read %s '%s': %s", what, path, strerror(error));
        return STATUS_USAGE;
    }
    return 0;
}

void blob_free(struct blob *blob)
{
    free(blob->bytes);
    *blob = (struct blob){0};
}
