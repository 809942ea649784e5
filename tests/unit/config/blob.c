#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/config/blob.h"

#define GUARD_ROOM (1ul << 20)

void *blob_compile(const char *dts, size_t *size)
{
    char path[] = "/tmp/lamina-test-XXXXXX", command[128];
    const int fd = mkstemp(path);
    FILE *dtc;
    void *blob;

    assert_true(fd >= 0);
    snprintf(command, sizeof(command), "dtc -q -I dts -O dtb -o %s -", path);
    dtc = popen(command, "w");
    assert_non_null(dtc);
    fputs(dts, dtc);
    if (pclose(dtc) != 0)
        fail_msg("dtc refused:\n%s", dts);
    *size = (size_t)lseek(fd, 0, SEEK_END);
    blob = malloc(*size);
    assert_non_null(blob);
    assert_int_equal(pread(fd, blob, *size, 0), (ssize_t)*size);
    close(fd);
    unlink(path);
    return blob;
}

void *blob_guard(const void *bytes, size_t size)
{
    static char *area;
    char *start;

    if (!area) {
        area = mmap(NULL, GUARD_ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);
        assert_true(area != MAP_FAILED);
        assert_int_equal(mprotect(area + GUARD_ROOM, 4096, PROT_NONE), 0);
    }
    assert_true(size <= GUARD_ROOM);
    start = area + ((GUARD_ROOM - size) & ~7ul);
    memset(start, 0, (size_t)(area + GUARD_ROOM - start));
    if (size > 0)
        memcpy(start, bytes, size);
    return start;
}
