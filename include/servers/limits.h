/* SPDX-License-Identifier: BSD-2-Clause */
/* servers/limits.h - sizes and options of the servers' interfaces; read by mig too. */
#pragma once

#define NAME_STRING_MAX 128  /* bytes of a name, its NUL included */
#define NAME_LIST_BYTES 4096 /* of names in one answer */
#define NAME_WAIT 1          /* name_look_up: wait until the name is registered */

#define CONSOLE_DATA_MAX 1024 /* bytes in one console_write */

#define RUN_DATA_MAX 8192     /* bytes of a program in one run_data */
#define RUN_STRINGS_MAX 4096  /* bytes of arguments, and of environment */
