#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measure, beside Linux and GNU Mach. docs/book/bench.md says what each row means.

  bench/run.py [PART]... [--json FILE] [--svg FILE] [--fabric dgram|vhost] [--mtu N] [--count N]

PART: floors, ipc, port, vm, peers; without one, all. Prints a table and the ratios to the targets; the plot goes to
build/bench/FABRIC.svg.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True

from bench import gnumach, linux, nodes, report  # noqa: E402
from bench.fabric import Fabric, Failed, cpu_name  # noqa: E402

PARTS = ["floors", "ipc", "port", "vm", "task", "sched", "peers"]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure(arguments: argparse.Namespace) -> report.Findings:
    findings = report.Findings(time.strftime("%Y-%m-%d"), cpu_name(), arguments.fabric, arguments.mtu)
    parts = arguments.parts or PARTS
    with Fabric(arguments.fabric, 2, arguments.mtu) as fabric:
        if "floors" in parts or "ipc" in parts:
            say("one node: calls between its tasks, traps and switches ...")
            findings.rows, findings.floors = nodes.local(fabric, 1, 3 * arguments.count)
        if "port" in parts:
            say("one node: calls on ports ...")
            findings.rows += nodes.ports(fabric, 1, arguments.count)
            say("one node: external pagers ...")
            findings.rows += nodes.pagers(fabric, 1, arguments.count)
        if "vm" in parts:
            say("one node: calls on memory, faults ...")
            findings.rows += nodes.memory(fabric, 1, arguments.count)
        if "task" in parts:
            say("one node: tasks, threads, exceptions, waiting ...")
            findings.rows += nodes.tasks(fabric, 1, arguments.count)
        if "sched" in parts:
            say("one node: switches and wake-ups ...")
            findings.rows += nodes.scheduler(fabric, 1, arguments.count)
        if "ipc" in parts:
            say("a cluster of two nodes: calls from one to the other ...")
            with nodes.Cluster(arguments.fabric, 2, arguments.mtu) as cluster:
                findings.rows += nodes.remote(cluster, arguments.count)
        if "floors" in parts:
            say("floors: two CPUs interrupt each other, two nodes echo raw frames ...")
            findings.floors += nodes.ipi(fabric) + nodes.frame_echo(fabric, 1)
        if "peers" in parts:
            say("Linux peers: two Debian guests on the same fabric, then one alone ...")
            findings.peers = linux.measure(fabric, 1, arguments.count, 5 * arguments.count)
            say("GNU Mach, with a boot module of ours ...")
            findings.peers += gnumach.measure(fabric, 3 * arguments.count)
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure Meshach, beside Linux and GNU Mach.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--svg", type=Path, metavar="FILE")
    parser.add_argument("--fabric", choices=["dgram", "vhost"], default="dgram")
    parser.add_argument("--mtu", type=int, default=9000)
    parser.add_argument("--count", type=int, default=3000, help="round trips of each row between machines")
    arguments = parser.parse_args()
    if wrong := [part for part in arguments.parts if part not in PARTS]:
        parser.error(f"there is no part '{wrong[0]}'; there are: {', '.join(PARTS)}")
    here = Path.cwd()
    for name in ("json", "svg"):
        if getattr(arguments, name):
            setattr(arguments, name, here / getattr(arguments, name))
    os.chdir(ROOT)
    svg = arguments.svg or Path("build/bench") / f"{arguments.fabric}.svg"
    svg.parent.mkdir(parents=True, exist_ok=True)
    try:
        findings = measure(arguments)
    except Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(report.table(findings))
    if arguments.json:
        findings.write_json(arguments.json)
    if report.plot(findings, svg):
        print(f"\nplot: {svg}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
