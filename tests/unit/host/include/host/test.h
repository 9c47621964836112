/* SPDX-License-Identifier: BSD-2-Clause */
/* test.h - cmocka with what its header needs before it; include it first in a test. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
