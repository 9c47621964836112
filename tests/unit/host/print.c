/* SPDX-License-Identifier: BSD-2-Clause */
/* print.c - host double of the kernel's printing: panic aborts, so that the sanitiser shows the stack. */
#include <kern/assert.h>
#include <kern/printf.h>
#include <host/host.h>
#include <stdio.h>
#include <stdlib.h>

bool host_quiet;

int kvsnprintf(char *buf, size_t size, const char *format, va_list ap)
{
	return vsnprintf(buf, size, format, ap);
}

int ksnprintf(char *buf, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(buf, size, format, ap);
	va_end(ap);
	return n;
}

int kprintf(const char *format, ...)
{
	va_list ap;
	int n = 0;

	if (host_quiet)
		return 0;
	va_start(ap, format);
	n = vfprintf(stderr, format, ap);
	va_end(ap);
	return n;
}

void kwarn(const char *format, ...)
{
	va_list ap;

	fputs("WARN: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
}

_Noreturn void panic(const char *format, ...)
{
	va_list ap;

	fputs("PANIC: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
