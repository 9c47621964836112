/* SPDX-License-Identifier: BSD-2-Clause */
/* printf.h - formatted output to the console and to buffers (%d %u %x %lx %zu %s %c %p %llx, width, 0, -). */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* Print to the serial console. Any context. */
int kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As kprintf, prefixed "WARN: ": any kernel test whose log shows one fails. */
void kwarn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The bytes to the console as they are, no kernel line in between. Not when it panics. */
void kprint_bytes(const char *bytes, size_t n);
int ksnprintf(char *buf, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int kvsnprintf(char *buf, size_t size, const char *format, va_list ap);
