/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * string.h - the few C string functions that portable code may call. The kernel's are in
 * kernel/kern/string.c; on Linux libc's serve.
 */
#pragma once

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/*
 * In the kernel (-ffreestanding) GCC takes these for anybody's functions; this lets it copy a struct in place instead of
 * calling for eight bytes.
 */
#if defined(MESHACH_KERNEL) && !defined(MESHACH_HOST)
#define memcpy(dst, src, n) __builtin_memcpy(dst, src, n)
#define memmove(dst, src, n) __builtin_memmove(dst, src, n)
#define memset(dst, c, n) __builtin_memset(dst, c, n)
#define memcmp(a, b, n) __builtin_memcmp(a, b, n)
#define strlen(s) __builtin_strlen(s)
#endif
