/* Device tree blobs for tests. */
#ifndef TEST_BLOB_H
#define TEST_BLOB_H

#include <stddef.h>

/* Compiles the source with dtc; the blob is freed with free(). */
void *blob_compile(const char *dts, size_t *size);

/* Copies the bytes to right before an unmapped page, so that a read beyond them faults also where
 * no sanitizer looks (libfdt); 8-byte aligned, so that up to 7 zero bytes may follow. One at a
 * time. */
void *blob_guard(const void *bytes, size_t size);

#endif
