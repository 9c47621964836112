/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/mach_error.h - words for results. */
#pragma once

#include <mach/kern_return.h>

typedef kern_return_t mach_error_t;

/* The name of a result of kernel calls, messages or stubs; never NULL, not to be freed. */
const char *mach_error_string(mach_error_t error);
/* Its class: "kernel", "ipc/send", "ipc/receive", "mig", "unknown". */
const char *mach_error_type(mach_error_t error);
/* Print "text: name (number)" on the standard error stream. */
void mach_error(const char *text, mach_error_t error);
