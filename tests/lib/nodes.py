# SPDX-License-Identifier: BSD-2-Clause
"""Clusters whose nodes run test programs: an image with a start list of the test's own, and what the nodes print.

A node's log is its console: TAP lines that programs print there become ours. A line that begins WARN:, PANIC: or
LOCK-ORDER: fails the test.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable

from cluster import Cluster
from report import ROOT, check, done

BAD_LINE = re.compile(r"^(?:WARN|PANIC|LOCK-ORDER):.*", re.MULTILINE)
CASE = re.compile(r"^(not )?ok \d+ - (.*)$", re.MULTILINE)
PLEASE = re.compile(r"^# please: (.*)$", re.MULTILINE)
PLAN = re.compile(r"^1\.\.(\d+)$|^Bail out!.*$", re.MULTILINE)
FILES = ("boot.ipxe", "meshach-switch", "meshach-switch-vhost")
POLL = 0.05


def make_image(start: str, programs: Iterable[str], debug: bool) -> str:
    """A folder like build/ with this etc/start and bin/NAME of each build/stripped/tests/NAME."""
    folder = tempfile.mkdtemp(prefix="meshach-image-")
    atexit.register(shutil.rmtree, folder, True)
    for name in FILES:
        if os.path.exists(f"build/{name}"):
            os.symlink(ROOT / "build" / name, f"{folder}/{name}")
    os.symlink(ROOT / ("build/debug/meshach.elf" if debug else "build/meshach.elf"), f"{folder}/meshach.elf")
    with open(f"{folder}/start", "w") as f:
        f.write(start)
    subprocess.run(["boot/image/archive.py", "-o", f"{folder}/boot.cpio", "-a", "build/boot.cpio",
                    f"etc/start={folder}/start", *(f"bin/{p.split('/')[-1]}=build/{p}" for p in programs)], check=True)
    return folder


class Nodes(Cluster):
    """A cluster that runs `first server servers/name`, runners, and the lines of start. Ends the test if it does not come up."""

    def __init__(self, count: int, start: str, programs: Iterable[str], *, memory: int = 128, cpus: int = 1,
                 debug: bool = True, append: str = "", fabric: str = "dgram", up: Iterable[str] = ()) -> None:
        self.count = count
        lines = f"first server servers/name\nall server servers/runner\n{start}"
        super().__init__(make_image(lines, (f"stripped/tests/{name}" for name in programs), debug))
        started = self.meshach("up", "--nodes", str(count), "--memory", str(memory), "--cpus", str(cpus), "--accel", "tcg",
                               "--timeout", "120", "--fabric", fabric, *(("--append", append) if append else ()), *up)
        if started.returncode != 0:
            check(False, "SYS0001 the cluster comes up", started.stdout[-1000:] + started.stderr)
            done()

    def wait(self, node: int, pattern: str | re.Pattern[str], seconds: float) -> re.Match[str] | None:
        """The first match in a node's log, as soon as it is there."""
        limit = time.monotonic() + seconds
        wanted = re.compile(pattern, re.MULTILINE) if isinstance(pattern, str) else pattern
        while (found := wanted.search(self.log(node))) is None:
            if time.monotonic() > limit:
                return None
            time.sleep(POLL)
        return found

    def judge(self, node: int, what: str, seconds: float) -> bool:
        """Wait for the end of the program on node that prints TAP, and do the meshach commands that it asks for; its cases become ours."""
        limit = time.monotonic() + seconds
        done_deeds = 0
        while (plan := PLAN.search(text := self.log(node))) is None and time.monotonic() < limit:
            for deed in PLEASE.findall(text)[done_deeds:]:
                result = self.meshach(*deed.split())
                check(result.returncode == 0, f"SYS0004 meshach {deed}", result.stderr)
                done_deeds += 1
            if re.search(r"^PANIC:", text, re.MULTILINE):
                time.sleep(1)
                break
            time.sleep(POLL)
        cases = CASE.findall(text)
        for bad, name in cases:
            check(not bad, name, "" if not bad else text[-3000:])
        good = plan is not None and plan.group(1) is not None and int(plan.group(1)) == len(cases)
        check(good, f"{what} ran to its end", text[-3000:])
        for line in re.findall(r"^# .*$", text, re.MULTILINE):
            print(line, flush=True)
        if not good and "KEEP" in os.environ:
            print(f"# logs: {self.directory}", file=sys.stderr)
        return good and not any(bad for bad, _ in cases)

    def ports(self) -> dict[int, dict]:
        """The switch's counters of each port."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{self.directory}/switch")
            s.sendall(b"ports\n")
            return {p["port"]: p for p in json.loads(s.makefile().readline())["ports"]}

    def finish(self) -> None:
        """No node complained, none stopped that was not told to; take the cluster down and end the test."""
        bad = [f"node {n}: {line}" for n in range(1, self.count + 1) for line in BAD_LINE.findall(self.log(n))]
        check(not bad, "SYS0002 no kernel complained", "\n".join(bad) + ("\n" + self.log(int(bad[0][5]))[-3000:] if bad else ""))
        states = [n["state"] for n in self.status()["nodes"]]
        check(states == ["up"] * self.count, "SYS0003 all nodes are up at the end", states)
        self.meshach("down")
        done()
