#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: a node pages to the memory of another one, on a wire that loses frames; the calls and errors of the server that lends it.

Timeout: 420
"""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import BAD_LINE, CASE, Nodes  # noqa: E402
from report import check, done  # noqa: E402

MEMORY = 128
LENT = 72
WORK = 150  # more than node 1 has, and less than with what it borrows

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

# The lender dies with most of a task's memory: the task ends with an error, and the node goes on.
before = n.ports()[2]["in"]
victim = n.start("run", "--on", "1", "build/programs/test-pressure", "one", str(WORK))
limit = time.monotonic() + 120
while n.ports()[2]["out"] + n.ports()[2]["in"] < 2 * before + 20000 and time.monotonic() < limit and victim.poll() is None:
    time.sleep(0.2)
check(victim.poll() is None, "RSWP0010 a task on node 1 has memory on node 2")
n.meshach("kill", "2")
check(n.wait(1, r"default pager: .* has gone", 90) is not None, "RSWP0011 node 2 dies: node 1's default pager notices", n.log(1)[-2000:])
try:
    text = victim.communicate(timeout=120)[0]
except subprocess.TimeoutExpired:
    victim.kill()
    text = None
check(text is not None and victim.returncode != 0, "RSWP0012 the task ends, with an error", str(text)[-2000:])
state = n.status()["nodes"][0]["state"]
check(state == "up" and n.wait(1, r"^net: node 10.77.0.2 is down$", 60) is not None, "RSWP0013 node 1 is up, and knows that node 2 is down", n.log(1)[-3000:])
bad = [line for line in BAD_LINE.findall(n.log(1))]
check(not bad, "RSWP0014 and its kernel complained of nothing", "\n".join(bad))
n.meshach("down")
done()
