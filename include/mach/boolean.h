/* SPDX-License-Identifier: BSD-2-Clause */
/* mach/boolean.h - Mach's truth values. */
#pragma once

typedef unsigned int boolean_t;

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
