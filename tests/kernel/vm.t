#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: memory on the real page tables: faults, copies, several CPUs in one map, a program's view; nothing lost.

Timeout: 900
"""

from runner import program, topic
from report import done

topic("vm")
topic("vm", cpu="qemu64", memory=32)
topic("vm_smp", cpus=1)
topic("vm_smp", cpus=4)
program("tests/vm_calls")
program("tests/vm_calls", cpus=2, memory=64)
program("tests/vm_interrupts_off", memory=200)
program("tests/vm_tasks", cpus=4, seconds=400)
program("tests/vm_threads", cpus=2)
# Four that wait for each other on two: a shoot-down takes as long as the host lets it.
program("tests/vm_threads", cpus=4, seconds=400)
done()
