#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: a node's machine is killed, and later the one with the name server: dead names, errors, nobody hangs, both come back.

Timeout: 300
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402

n = Nodes(3, "all server bin/peer\nall once bin/death member 1 3 2\nall once bin/death name 2 1 3\n", ["peer", "death"])

if n.judge(1, "death of a member", 90):
    n.judge(2, "death of the name server's node", 90)
n.finish()
