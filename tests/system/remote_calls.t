#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the calls on another node's host, task and threads, a program started there, and flow control between nodes.

Timeout: 240
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402

n = Nodes(2, "all server bin/peer\nall once bin/remote_calls 1 2\n", ["peer", "remote_calls"], cpus=2)
n.judge(1, "remote_calls", 180)
n.finish()
