/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/task_policy.h - flavours of task_policy_set() and task_policy_get(). Names and shapes: XNU's. */
#pragma once

#include <mach/port.h>

typedef natural_t task_policy_flavor_t;
typedef integer_t *task_policy_t;
#define TASK_POLICY_MAX 16

/* What the task is to its user: sets its base priority. */
#define TASK_CATEGORY_POLICY 1
typedef enum task_role {
	TASK_RENICED = -1,
	TASK_UNSPECIFIED = 0,         /* 31 */
	TASK_FOREGROUND_APPLICATION = 1, /* 47 */
	TASK_BACKGROUND_APPLICATION = 2, /* 31 */
	TASK_CONTROL_APPLICATION = 3, /* 48 */
	TASK_GRAPHICS_SERVER = 4,     /* 63 */
	TASK_THROTTLE_APPLICATION = 5, /* 4 */
	TASK_NONUI_APPLICATION = 6,   /* 31 */
	TASK_DEFAULT_APPLICATION = 7, /* 31 */
} task_role_t;
typedef struct task_category_policy {
	integer_t role; /* task_role_t */
} task_category_policy_data_t, *task_category_policy_t;
#define TASK_CATEGORY_POLICY_COUNT ((mach_msg_type_number_t)(sizeof(task_category_policy_data_t) / sizeof(integer_t)))
