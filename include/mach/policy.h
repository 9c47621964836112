/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/policy.h - scheduling policies as kernel information names them. */
#pragma once

typedef int policy_t;

#define POLICY_NULL 0
#define POLICY_TIMESHARE 1
#define POLICY_RR 2
#define POLICY_FIFO 4
