#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the scheduler: inheritance, preemption, timers and idle inside the kernel; policies and calls from a program.

Timeout: 600
"""

from runner import program, topic
from report import done

for cpus in (1, 2, 4):
    for name in ("inversion", "chain", "preemption", "timers", "idle"):
        topic(f"sched_{name}", cpus=cpus)
    program("tests/sched_calls", cpus=cpus)
program("tests/interrupts_off")
done()
