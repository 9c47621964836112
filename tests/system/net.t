#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: ports across the nodes of a booted cluster: calls, memory, rights by third parties, notifications, the
death of a node; and once more with 1% of the frames lost, 1% doubled and 1% late.

Timeout: 400
"""

import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from report import ROOT, check, done  # noqa: E402
from cluster import Cluster  # noqa: E402

CASE = re.compile(r"^(not )?ok \d+ - (.*)$", re.M)
BAD = re.compile(r"^.*(?:WARN:|PANIC:|LOCK-ORDER:).*$", re.M)

image = tempfile.mkdtemp(prefix="meshach-n-")
for name in ("boot.ipxe", "meshach.elf", "meshach-switch", "meshach-switch-vhost"):
    if os.path.exists(f"build/{name}"):
        os.symlink(ROOT / "build" / name, f"{image}/{name}")


def run(what: str, arguments: str, wanted: int, faults: tuple[str, ...] = (), limit: float = 120) -> None:
    with open(f"{image}/start", "w") as f:
        f.write(f"first server servers/name\nall server servers/runner\nall once bin/net-check {arguments}\n")
    subprocess.run(["boot/image/archive.py", "-o", f"{image}/boot.cpio", "-a", "build/boot.cpio",
                    f"etc/start={image}/start", "bin/net-check=build/stripped/net-check"], check=True)
    c = Cluster(image)
    r = c.meshach("up", "--nodes", "3", "--memory", "128")
    check(r.returncode == 0, f"three nodes are up [{what}]", r.stderr)
    if faults:
        r = c.meshach("fault", *faults)
        check(r.returncode == 0, f"the switch is told to lose frames [{what}]", r.stderr)
    text, killed, end = "", False, time.monotonic() + limit
    while time.monotonic() < end and not re.search(r"net_check: \d+ failed|PANIC", text):
        time.sleep(0.1)
        text = c.log(1)
        if not killed and "net_check: kill node 3 now" in text:
            time.sleep(0.5)
            c.meshach("kill", "3")
            killed = True
    cases = CASE.findall(text)
    for bad, case in cases:
        check(not bad, f"{case} [{what}]", "" if not bad else text)
    for note in re.findall(r"^# .*$", text, re.M):
        print(note)
    logs = "".join(c.log(node) for node in (1, 2, 3))
    check(len(cases) == wanted and not BAD.search(logs), f"ran to its end, no warnings [{what}]",
          "\n".join(BAD.findall(logs)) + text[-2000:])
    c.end()


run("clean", "3000 3 kill", 23)
run("lossy", "3000 3", 18, ("drop=1", "dup=1", "reorder=1", "seed=7"))
done()
