#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: every call of mach_port on a booted node, on one's own space and on another task's; guards, circles, many names.

Timeout: 600
"""

from runner import program
from report import done

program("tests/ports", seconds=240)
program("tests/ports", cpus=2, seconds=240)
done()
