#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: memory of one node whose pager is a task of another: the whole memory object protocol between them.

Timeout: 240
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402

n = Nodes(2, "all server bin/peer\nall control bin/remote_pager 1 2\n", ["peer", "remote_pager"], cpus=2)
n.judge(1, "remote_pager", 180)
n.finish()
