#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: everything at once in a task whose kernel allocations fail at random: errors that say so, no panic, nothing left behind.

FAULT_SEED=N for other numbers, FAULT_SECONDS=N for longer runs (the default is two of 3 s for each seed).
Timeout: 900
"""

import os
import tempfile

from runner import KERNEL, boot, judge, start_archive
from report import check, done

SEED = int(os.environ.get("FAULT_SEED", "1"))
SECONDS = int(os.environ.get("FAULT_SECONDS", "3"))

with tempfile.TemporaryDirectory(prefix="meshach-faults-") as folder:
    archive = start_archive(folder, f"all control bin/test {SECONDS} {SEED} faults\n", "bin/test=build/stripped/test-stress")
    for seed, rate, cpus in ((SEED, 200, 1), (SEED + 1, 60, 2)):
        judge("test-stress", boot(f"exit=1 fault.alloc={seed},{rate} fault.task=faulty pager.timeout_ms=2000", cpus=cpus, memory=192, archive=archive,
                                  seconds=SECONDS * 3 + 200), f"fault.alloc={seed},{rate}, {cpus} CPUs")
    plain = boot("exit=1 fault.alloc=1", kernel=KERNEL.replace("debug/", ""), archive=archive)
    check("boot stopped: fault.alloc: this kernel cannot" in plain.text, "the measured kernel has no such thing, and says so", plain.text[-500:])
done()
