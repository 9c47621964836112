# SPDX-License-Identifier: BSD-2-Clause
"""A wire for the bench's guests: the cluster's own switch, started for one run, and QEMU's arguments for its ports."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

MEMORY_MIB = 256
SWITCH = {"dgram": "build/meshach-switch", "vhost": "build/meshach-switch-vhost"}


class Failed(Exception):
    """The measurement cannot go on; the text is one sentence that says why."""


def mac(port: int) -> str:
    return f"52:54:00:6d:62:{port:02x}"


class Fabric:
    """A running switch of one kind ("dgram", "vhost") with `ports` ports, in a folder of its own; stopped on exit."""

    def __init__(self, kind: str, ports: int, mtu: int) -> None:
        self.kind, self.ports, self.mtu = kind, ports, mtu
        self.folder = Path(tempfile.mkdtemp(prefix="meshach-bench-"))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Fabric:
        program = Path(SWITCH[self.kind])
        if not program.exists():
            raise Failed(f"there is no {program}: build it first (ninja)")
        self.log = open(self.folder / "switch.log", "wb")
        self.process = subprocess.Popen(
            [str(program), "--dir", str(self.folder), "--control", str(self.folder / "control"), "--ports", str(self.ports)],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 10
        while '"ok"' not in (self.folder / "switch.log").read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > end:
                text = (self.folder / "switch.log").read_text(errors="replace").strip()
                self.__exit__()
                raise Failed(f"the {self.kind} switch did not start: {text}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def control(self, line: str) -> dict[str, object]:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.folder / "control"))
            s.sendall(line.encode() + b"\n")
            return json.loads(s.makefile().readline())

    def guest(self, port: int) -> list[str]:
        """QEMU's arguments for memory and a virtio NIC on the port."""
        if self.kind == "vhost":
            return ["-m", str(MEMORY_MIB), "-object", f"memory-backend-memfd,id=mem,size={MEMORY_MIB}M,share=on,prealloc=on",
                    "-numa", "node,memdev=mem", "-chardev", f"socket,id=c0,path={self.folder}/v{port}",
                    "-netdev", "vhost-user,id=n0,chardev=c0",
                    "-device", f"virtio-net-pci,netdev=n0,vectors=0,mac={mac(port)},host_mtu={self.mtu},romfile="]
        return ["-m", str(MEMORY_MIB),
                "-netdev", f"dgram,id=n0,local.type=unix,local.path={self.folder}/n{port},"
                           f"remote.type=unix,remote.path={self.folder}/s{port}",
                "-device", f"virtio-net-pci,netdev=n0,mac={mac(port)},host_mtu={self.mtu},romfile="]


def pin(process: int, number: int | None) -> None:
    """Keep all threads of a guest on one CPU of the host (None: on any), guest 1 and guest 2 on different ones: a frame's way is
    then the same each time. Unpinned, medians come out in two groups that differ by a factor of two. With the privilege
    the guest also goes before the host's other work (nice -20), so that a foreign load does not decide the ratios."""
    cpus = sorted(os.sched_getaffinity(0))
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            if number is not None:
                os.sched_setaffinity(int(thread.name), {cpus[number % len(cpus)]})
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, int(thread.name), -20)


def spread(process: int, cpus: int) -> None:
    """Give each virtual CPU of a guest a CPU of the host, as far as there are as many."""
    host, end = sorted(os.sched_getaffinity(0)), time.monotonic() + 2
    found: dict[int, str] = {}
    while len(found) < cpus and time.monotonic() < end:
        time.sleep(0.01)
        for thread in Path(f"/proc/{process}/task").iterdir():
            name = (thread / "comm").read_text().split()
            if name[0] == "CPU":
                found[int(name[1].split("/")[0])] = thread.name
    for number, thread_id in found.items():
        os.sched_setaffinity(int(thread_id), {host[number % len(host)]})


class Guest:
    """A QEMU whose console is a file; killed on exit. Lines of it are read with wait(). With one CPU it is pinned.

    A machine that could have two CPUs keeps its memory barriers under TCG, which its devices' threads on the host need."""

    def __init__(self, name: str, folder: Path, arguments: list[str], cpus: int = 1, number: int = 0) -> None:
        self.name, self.console, self.seen = name, folder / f"{name}.console", 0
        self.errors = open(folder / f"{name}.qemu", "wb")
        self.console.write_bytes(b"")  # a guest of this name before it must not be heard
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-name", f"{name},debug-threads=on", "-accel", "tcg", "-cpu", "max",
             "-smp", f"cpus={cpus},maxcpus={max(cpus, 2)}", "-nodefaults", "-display", "none",
             "-no-reboot", "-serial", f"file:{self.console}", *arguments],
            stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors)
        pin(self.process.pid, number if cpus == 1 else None)  # threads that it starts later inherit this
        if cpus > 1:
            with contextlib.suppress(OSError):
                spread(self.process.pid, cpus)

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.errors.close()

    def lines(self) -> list[str]:
        return self.console.read_text(errors="replace").splitlines()

    def wait(self, word: str, seconds: float) -> list[str]:
        """All lines so far, once a line begins with word. Failed with the guest's last lines if none comes."""
        end = time.monotonic() + seconds
        while True:
            ended = self.process.poll() is not None
            lines = self.lines()
            for bad in ("BENCH-ERROR", "PANIC:", "WARN:"):
                if wrong := [line for line in lines if line.startswith(bad)]:
                    raise Failed(f"{self.name}: {wrong[0]}")
            if any(line.startswith(word) for line in lines):
                return lines
            if ended or time.monotonic() > end:
                what = "ended early" if ended else f"said no {word} within {seconds:.0f} s"
                tail = (Path(self.errors.name).read_text(errors="replace").splitlines() + lines)[-8:]
                raise Failed(f"{self.name} {what}; its last lines:\n  " + "\n  ".join(tail))
            time.sleep(0.05)


def results(lines: list[str]) -> list[dict[str, object]]:
    """The measurements among a console's lines: `BENCH {json}`."""
    return [json.loads(line[6:]) for line in lines if line.startswith("BENCH {")]


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} CPUs, {os.uname().sysname} {os.uname().release}"
    return f"{os.uname().machine}, {os.cpu_count()} CPUs"
