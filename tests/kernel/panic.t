#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: a panic prints why, the registers and a symbolised backtrace, and ends QEMU with a failure."""

from runner import panics
from report import done

panics("panic", "as the test asked (42)", "outer_of_panic", "ktest_run", "startup")
panics("null_pointer", "kernel write at 0x10 (not mapped)", "ktest_null_pointer", "startup")
panics("write_text", "kernel write at 0xffffffff80", "ktest_write_text", "startup")
panics("execute_data", "kernel execution at 0xffffffff80", "ktest_run", "startup")
panics("stack_overflow", "kernel stack overflow at 0x", "deeper", "deeper", "deeper")
done()
