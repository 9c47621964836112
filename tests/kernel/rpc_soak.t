#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: a million calls between two tasks leave every zone of the kernel as it was.

Timeout: 400
"""

import subprocess
import tempfile

from runner import GOOD, boot
from report import check, done

CALLS = 1000000

with tempfile.TemporaryDirectory(prefix="meshach-r-") as folder:
    with open(f"{folder}/start", "w") as f:
        f.write(f"all last bin/ipc_perf soak {CALLS}\n")
    subprocess.run(["boot/image/archive.py", "-o", f"{folder}/soak.cpio", "-a", "build/boot.cpio",
                    f"etc/start={folder}/start", "bin/ipc_perf=build/programs/ipc_perf"], check=True)
    result = boot("exit=1", archive=f"{folder}/soak.cpio", seconds=380)
    check(f"BENCH-SOAK {CALLS} calls, 0 of " in result.text and result.status == GOOD and not result.bad_lines(),
          "RPC0001 10^6 null RPCs, and some of each other kind, leave no object behind",
          f"status {result.status}\n{result.text[-2000:]}")
done()
