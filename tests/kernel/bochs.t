#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the kernel on Bochs, another x86 than QEMU's: PCIDs, an APIC that is disabled until it is enabled, AVX-512, TSC deadlines.

Timeout: 900
"""

import bochs
from runner import program, topic
from report import done

bochs.need()
topic("all", cpus=2, cpu="corei7_icelake_u", machine=bochs.boot)
topic("pcid", cpus=1, cpu="corei7_haswell_4770", machine=bochs.boot)
program("tests/vm_threads", cpus=2, machine=bochs.boot)
program("tests/vm_tasks", cpus=2, machine=bochs.boot)
done()
