/* SPDX-License-Identifier: BSD-2-Clause */
/* main.h - the kernel's version, and how a boot that cannot go on ends. */
#pragma once

#define MESHACH_VERSION "0.1"
#define BOOT_STOP_STATUS 2 /* of machine_exit */

/* Say in one sentence why the boot cannot go on, and end the machine. */
_Noreturn void boot_stop(const char *format, ...) __attribute__((format(printf, 1, 2)));
