/* SPDX-License-Identifier: BSD-2-Clause */
/* tap.h - for test programs that run on a node: cases as TAP lines on the standard output. */
#pragma once

#include <mach/mach.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static inline void tap(bool good, const char *format, ...)
{
	va_list ap;

	printf("%sok %d - ", good ? "" : "not ", ++tap_count);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	tap_failed += !good;
}

/* A call's result as a case; tells what came instead. */
static inline void tap_result(kern_return_t got, kern_return_t wanted, const char *what)
{
	if (got != wanted)
		printf("# %s: got %s (%#x), wanted %s\n", what, mach_error_string(got), (unsigned)got,
		       mach_error_string(wanted));
	tap(got == wanted, "%s", what);
}

static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	fflush(stdout);
	return tap_failed != 0;
}

/* How many port names this task has. */
static inline unsigned tap_names(void)
{
	mach_port_name_array_t names = NULL;
	mach_port_type_array_t types = NULL;
	mach_msg_type_number_t count = 0, type_count = 0;

	if (mach_port_names(mach_task_self(), &names, &count, &types, &type_count) != KERN_SUCCESS)
		return 0;
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)names, count * sizeof(*names));
	(void)mach_vm_deallocate(mach_task_self(), (mach_vm_address_t)(uintptr_t)types, count * sizeof(*types));
	return count;
}

/* User references of one right of a name; 0: none. */
static inline mach_port_urefs_t tap_refs(mach_port_t port, mach_port_right_t right)
{
	mach_port_urefs_t refs = 0;

	return mach_port_get_refs(mach_task_self(), port, right, &refs) == KERN_SUCCESS ? refs : 0;
}
