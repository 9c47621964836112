#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: 100,000 calls between two nodes and their memory, on a fabric that loses, doubles and reorders frames: each exactly once.

ONCE_CALLS=N, ONCE_REGIONS=N: other numbers, in each phase.
Timeout: 420
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402
from report import check  # noqa: E402

CALLS = int(os.environ.get("ONCE_CALLS", "100000"))
REGIONS = int(os.environ.get("ONCE_REGIONS", "80"))

n = Nodes(2, f"all server bin/peer\nall once bin/exactly_once 1 2 {CALLS} {REGIONS}\n", ["peer", "exactly_once"], debug=False)
n.judge(1, "exactly_once", 380 + CALLS / 100)
ports = n.ports()
for node in (1, 2):
    lost, doubled, late = (ports[node][key] for key in ("dropped_fault", "duplicated", "reordered"))
    print(f"# to node {node}: {ports[node]['out']} frames, {lost} lost, {doubled} doubled, {late} late")
    check(lost > CALLS / 200 and doubled > CALLS / 100 and late > CALLS / 100, f"ONCE0001 the switch harmed frames to node {node}",
          ports[node])
n.finish()
