#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: hostile tasks send any message to any kernel object of another node; both go on, and nothing is left on either.

HOSTILE_SECONDS=600 for ten minutes (the default is ten seconds), HOSTILE_SEED=N for other tasks.
Timeout: 3000
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402

SECONDS = int(os.environ.get("HOSTILE_SECONDS", "10"))
SEED = int(os.environ.get("HOSTILE_SEED", "1"))

n = Nodes(2, f"all control bin/peer\nfirst control bin/hostile {SECONDS} {SEED}\n", ["peer", "hostile"], memory=256,
          append="pager.timeout_ms=500")
n.judge(1, "hostile", SECONDS * 4 + 120)
n.finish()
