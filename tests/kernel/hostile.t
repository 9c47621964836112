#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: hostile tasks send any message to any kernel object and make any trap and system call, and the node goes on as before.

HOSTILE_SECONDS=600 for ten minutes each (the default is ten seconds), HOSTILE_SEED=N for other tasks.
Timeout: 3000
"""

import os

from runner import program
from report import done

SECONDS = int(os.environ.get("HOSTILE_SECONDS", "10"))
SEED = int(os.environ.get("HOSTILE_SEED", "1"))

for cpus in (1, 4):
    program("tests/hostile", cpus=cpus, memory=256, options="pager.timeout_ms=500", files={"hostile.txt": f"{SECONDS} {SEED}\n"},
            seconds=SECONDS * 3 + 120)
done()
