/* SPDX-License-Identifier: BSD-2-Clause */
/* info.h - the calls of default_pager_object.defs, and the default pager's own. */
#pragma once

#include <mach/mach.h>

struct default_pager_object_ops;

extern const struct default_pager_object_ops info_calls;
/* Where programs call, and what new ports become members of. */
extern mach_port_t default_port, port_set;
