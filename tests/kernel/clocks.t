#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: semaphores, lock sets, timers and clocks as ports, on one processor and on two; then many threads at once on four.

Timeout: 300
"""

from runner import program
from report import done

for cpus in (1, 2):
    program("test-clocks", cpus=cpus)
program("test-sync-stress", cpus=4, seconds=180)
done()
