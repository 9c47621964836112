#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: a node pages to the memory of another one, on a wire that loses frames; the calls and errors of the server that lends it.

Timeout: 420
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import CASE, Nodes  # noqa: E402
from report import check  # noqa: E402

MEMORY = 128
LENT = 72
WORK = 150  # more than node 1 has, and less than with what it borrows
HELLO = "build/programs/hello"

n = Nodes(2, "all control servers/default-pager\n1 control servers/memory-server 8\n", [], memory=MEMORY, up=("--lend", f"2:{LENT}"))
check(n.wait(1, rf"^swap-on: {LENT} MiB of memory/2$", 30) is not None, "RSWP0001 node 1 borrows what node 2 lends")
check("swap-on:" not in n.log(2), "RSWP0002 node 2 does not page to itself")
calls = n.meshach("run", "--on", "2", "build/programs/lent_memory", "memory/1", "8")
for bad, name in CASE.findall(calls.stdout):
    check(not bad, name, "" if not bad else calls.stdout[-2000:])
check(calls.returncode == 0 and "\n1..37\n" in calls.stdout, "RSWP0003 all calls of a memory server, from another node",
      calls.stdout[-2000:] + calls.stderr)
n.meshach("fault", "drop=0.01", "seed=11")
work = n.meshach("run", "--on", "1", "build/programs/test-pressure", "run", str(WORK), timeout=240)
for bad, name in CASE.findall(work.stdout):
    check(not bad, name, "" if not bad else work.stdout[-2000:])
check(work.returncode == 0, f"RSWP0004 tasks with {WORK} MiB on a node of {MEMORY} find every byte right, 1 % of the frames lost",
      work.stdout[-2000:] + work.stderr)
n.meshach("fault", "drop=0")
carried = n.ports()[2]["in"]
check(carried > 20000, f"RSWP0005 and it was the network that carried them ({carried} frames from node 2)")
n.finish()
