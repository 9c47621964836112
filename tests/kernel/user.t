#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: whatever user code tries, its task ends and the kernel goes on; switches keep its registers.

Timeout: 900
"""

from runner import topic
from report import done

# An Intel processor that QEMU can be: eager FPU switching, no 1 GiB pages, no UMIP.
HASWELL = "Haswell"

for cpu, cpus in (("max", 1), ("qemu64", 1), (HASWELL, 2)):
    topic("user", cpu=cpu, cpus=cpus)
for cpu, cpus in (("max", 1), (HASWELL, 1), ("max", 4), (HASWELL, 4)):
    topic("switches", cpu=cpu, cpus=cpus)
topic("copyio")
topic("thread_state")
topic("thread_state", cpus=2)
done()
