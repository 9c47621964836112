#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the same cluster on the other fabric and with more CPUs: programs, calls, calls on a lossy wire.

Timeout: 600
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from report import check, done  # noqa: E402
from cluster import Cluster  # noqa: E402

CALLS = 5000
BAD_LINE = re.compile(r"WARN:|PANIC:|LOCK-ORDER:")
PROGRAMS = "build/stripped"


def value_of(cluster: Cluster, node: int, amount: int, times: int) -> int:
    r = cluster.meshach("run", "--on", str(node), f"{PROGRAMS}/counter", str(amount), str(times))
    found = re.search(r"counter: (-?\d+)", r.stdout)
    return int(found.group(1)) if found else -1


def try_cluster(fabric: str, cpus: int) -> None:
    name = f"{fabric}, {cpus} CPU{'s' if cpus > 1 else ''}"
    c = Cluster()
    r = c.meshach("up", "--nodes", "3", "--memory", "128", "--fabric", fabric, "--cpus", str(cpus))
    if not check(r.returncode == 0, f"FAB0001 [{name}] three nodes are up", r.stdout + r.stderr):
        return
    r = c.meshach("run", "--on", "3", f"{PROGRAMS}/hello")
    check(f"node 10.77.0.3: {cpus} CPU" in r.stdout, f"FAB0002 [{name}] a program runs", r.stdout + r.stderr)
    server = c.start("run", "--on", "3", f"{PROGRAMS}/counter-server")
    check("serving" in server.stdout.readline(), f"FAB0003 [{name}] a server runs on node 3")
    check(value_of(c, 1, 1, CALLS) == CALLS, f"FAB0004 [{name}] {CALLS} calls from node 1")
    c.meshach("fault", "drop=1", "dup=1", "reorder=1", "seed=3")
    check(value_of(c, 2, 1, CALLS) == 2 * CALLS, f"FAB0005 [{name}] {CALLS} calls on a lossy wire, each once")
    c.meshach("down")
    server.wait(20)
    check(not c.processes(), f"FAB0006 [{name}] nothing is left running", c.processes())
    bad = [line for n in (1, 2, 3) for line in c.log(n).splitlines() if BAD_LINE.search(line)]
    check(not bad, f"FAB0007 [{name}] no kernel warned or panicked", "\n".join(bad))


try_cluster("dgram", 2)
if os.path.exists("build/meshach-switch-vhost"):
    try_cluster("vhost", 1)
    try_cluster("vhost", 2)
else:
    print("# no DPDK: the vhost fabric is not tried")
done()
