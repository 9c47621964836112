#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the debug kernel says when locks are taken in two orders, and only then."""

from runner import GOOD, boot, check
from report import done

result = boot("test=lock_order")
before, _, after = result.text.partition("in one order so far")
check("LOCK-ORDER:" not in before and after != "", "LOCK0001 locks taken in one order are not complained of", result.text)
lines = [line for line in after.splitlines() if line.startswith("LOCK-ORDER:")]
check(len(lines) == 2, "LOCK0002 two pairs of the wrong order give one line each", result.text)
check(bool(lines) and "'test a' is taken while 'test c' is held" in lines[0], "LOCK0003 a circle of three is found", lines)
check(len(lines) > 1 and "'test a' is taken while 'test b' is held" in lines[1], "LOCK0004 a circle of two is found", lines)
check("take_both" in after and result.status == GOOD, "LOCK0005 each with a backtrace, and the kernel goes on", result.text)
done()
