#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: everything at once on two and on four processors, and nothing is left behind.

STRESS_SECONDS=600 for ten minutes each (the default is half a minute each), STRESS_SEED=N for other numbers.
Timeout: 3000
"""

import os
import tempfile

from runner import boot, judge, start_archive
from report import done

SECONDS = int(os.environ.get("STRESS_SECONDS", "30"))
SEED = int(os.environ.get("STRESS_SEED", "1"))

with tempfile.TemporaryDirectory(prefix="meshach-stress-") as folder:
    start = f"first server servers/name\nall server servers/runner\nall last bin/test {SECONDS} {SEED}\n"
    archive = start_archive(folder, start, "bin/test=build/stripped/test-stress")
    for cpus in (2, 4):
        judge("test-stress", boot("exit=1", cpus=cpus, memory=192, archive=archive, seconds=SECONDS * 2 + 120), f"{cpus} CPUs")
done()
