#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: very many calls between two tasks of a node leave its kernel as it was.

SOAK_CALLS=N for another number of calls.
Timeout: 600
"""

import os
import tempfile

from runner import boot, judge, start_archive
from report import done

CALLS = int(os.environ.get("SOAK_CALLS", "1000000"))
SOAK = "bin/soak=build/programs/soak"

with tempfile.TemporaryDirectory(prefix="meshach-soak-") as folder:
    for cpus, calls in ((1, CALLS), (2, CALLS // 10)):
        start = ("first server servers/name\nall server servers/runner\nall once bin/soak serve soak\n"
                 f"all last bin/soak call soak {calls}\n")
        judge(f"soak, {calls} calls", boot("exit=1", cpus=cpus, archive=start_archive(folder, start, SOAK), seconds=300,
                                           kernel="build/meshach.elf"), f"{cpus} CPUs")
done()
