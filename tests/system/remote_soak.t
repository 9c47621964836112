#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: 100,000 calls of all kinds from one node to another leave both kernels and both ends of the wire as they were.

The server and the caller run on nodes 1 and 2; snapshots are taken on each by a program that is run there, before and
after, so a run leaves nothing either; each waits until the messages that brought it are settled. SOAK_REMOTE_CALLS=N: another number.
Timeout: 420
"""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402
from report import check  # noqa: E402

CALLS = os.environ.get("SOAK_REMOTE_CALLS", "100000")
SOAK = "build/programs/soak"
TRIES = 20
PAGES_SLACK = 32  # slabs and page tables that stay for the next use


def snapshot(cluster: Nodes, node: int) -> dict[str, int]:
    """What the node's kernel holds, by name; the frames apart."""
    lines = cluster.meshach("run", "--on", str(node), SOAK, "snapshot").stdout.splitlines()
    return {name: int(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def grown(before: dict[str, int], after: dict[str, int]) -> list[str]:
    """What is more than before, but for pages, of which there may be a few less."""
    more = [f"{name}: {value} before, {after.get(name)} after" for name, value in before.items()
            if name != "free_pages" and after.get(name, 0) > value]
    lost = before["free_pages"] - after["free_pages"]
    return more + ([f"{lost} pages less"] if lost > PAGES_SLACK else [])


n = Nodes(2, "", [], debug=False)
server = n.start("run", "--on", "1", SOAK, "serve", "far")
warm = n.meshach("run", "--on", "2", SOAK, "call", "far", "3000")
check(warm.returncode == 0, "SOAK0101 calls from node 2 to node 1", warm.stdout + warm.stderr)
before = {node: snapshot(n, node) for node in (1, 2)}
before = {node: snapshot(n, node) for node in (1, 2)}
check(all("net_exports" in before[node] for node in (1, 2)), "SOAK0102 each node tells what its network holds", before)
began = time.monotonic()
calls = n.meshach("run", "--on", "2", SOAK, "call", "far", CALLS, timeout=400)
print(f"# {CALLS} calls in {time.monotonic() - began:.1f} s")
check(calls.returncode == 0 and "ok 1 - SOAK0001" in calls.stdout, f"SOAK0103 {CALLS} calls, and the caller's kernel is as it was",
      calls.stdout + calls.stderr)
for node in (1, 2):
    for _ in range(TRIES):
        after = snapshot(n, node)
        more = grown(before[node], after)
        if not more:
            break
        time.sleep(0.2)
    check(not more, f"SOAK010{3 + node} node {node} holds what it held before: kernel, ports, pages, both engines", more)
server.terminate()
n.finish()
