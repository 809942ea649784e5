/* The part of <string.h> that compilers and drivers need. The functions are in files of their own
 * in the library: a libc linked before it takes their place. */
#ifndef LAMINA_STRING_H
#define LAMINA_STRING_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *part);
/* Decimal, 0x... or 0... with base 0. Stops at the first other character; no overflow check. */
unsigned long strtoul(const char *restrict s, char **restrict end, int base);

#endif
