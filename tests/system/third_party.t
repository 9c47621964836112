#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: rights that pass from node to node to node keep their counts: three nodes.

THIRD_PARTY_STEPS=N, SEED=N: more random steps, others.
Timeout: 300
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402

STEPS = int(os.environ.get("THIRD_PARTY_STEPS", "100"))
SEED = int(os.environ.get("SEED", "1"))

n = Nodes(3, f"all server bin/peer\nfirst once bin/third_party {STEPS} {SEED}\n", ["peer", "third_party"])
n.judge(1, "third_party", 200 + STEPS)
n.finish()
