#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: receive rights that move between nodes take their queue, their senders and their requests along: three nodes.

Timeout: 300
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402

n = Nodes(3, "all server bin/peer\nfirst once bin/moves\n", ["peer", "moves"])
n.judge(1, "moves", 200)
n.finish()
