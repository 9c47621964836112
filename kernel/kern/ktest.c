/* SPDX-License-Identifier: BSD-2-Clause */
/* ktest.c - the registry of boot tests (kernel.ld collects it) and their TAP output. */
#include <base/string.h>
#include <kern/ktest.h>
#include <kern/main.h>
#include <kern/printf.h>
#include <machine/boot.h>
#include <stdarg.h>

extern const struct ktest *const ktest_start[], *const ktest_end[];

static unsigned cases, failed;

bool ktest_ok(bool good, const char *format, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, format);
	kvsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	cases++;
	failed += !good;
	kprintf("%s %u - %s\n", good ? "ok" : "not ok", cases, text);
	return good;
}

void ktest_run(const char *name)
{
	bool all = strcmp(name, "all") == 0, found = false;

	for (const struct ktest *const *t = ktest_start; t < ktest_end; t++)
		if (all ? !(*t)->apart : strcmp((*t)->name, name) == 0) {
			found = true;
			(*t)->run();
		}
	if (!found)
		boot_stop("there is no test '%s' in this kernel", name);
	kprintf("1..%u\n", cases);
	machine_exit(failed != 0);
}
