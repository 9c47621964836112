#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the calls on tasks, threads and the host, what tasks count and may use, a debugger of another task, samples of
program counters, handlers of system calls, restartable sequences, on one processor and on two.

Timeout: 300
"""

from runner import program
from report import done

for cpus in (1, 2):
    program("test-tasks", cpus=cpus)
    program("test-task-limits", cpus=cpus)
    program("test-debugger", cpus=cpus)
    program("test-redirect", cpus=cpus)
    program("test-sampling", cpus=cpus)
for kernel in ("build/debug/meshach.elf", "build/meshach.elf"):
    program("test-host-debug", kernel=kernel)
done()
