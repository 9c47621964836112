#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: semaphores, clocks and timers of another node, and a debugger of a task there.

Timeout: 240
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402

n = Nodes(2, "all server bin/peer\nall once bin/remote_objects 1 2\n", ["peer", "remote_objects"], cpus=2)
n.judge(1, "remote_objects", 180)
n.finish()
