# SPDX-License-Identifier: BSD-2-Clause
"""What is measured on our own nodes: floors inside the kernel, and rows by bench/programs/ipc_perf on a cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from .fabric import Fabric, Failed, Guest, pin, results

KERNEL = "build/meshach.elf"
MESHACH = "build/meshach"
PROGRAM = "build/programs/ipc_perf"
SECONDS = 120


def kernel_test(name: str, folder: Path, test: str, more: list[str], cpus: int = 1, number: int = 0) -> Guest:
    """A node that runs one of the kernel's own measurements instead of programs."""
    return Guest(name, folder, [*more, "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", KERNEL,
                                "-append", f"test={test}"], cpus, number)


def frame_echo(fabric: Fabric, first_port: int) -> list[dict[str, object]]:
    with kernel_test("echo-server", fabric.folder, "bench_echo_server", fabric.guest(first_port), number=1) as server:
        server.wait("BENCH-SERVING", 30)
        with kernel_test("echo-client", fabric.folder, "bench_echo", fabric.guest(first_port + 1),
                         number=2) as client:
            return results(client.wait("1..", SECONDS))


def ipi(fabric: Fabric) -> list[dict[str, object]]:
    with kernel_test("ipi", fabric.folder, "bench_ipi", ["-m", "64"], cpus=2) as node:
        return results(node.wait("1..", SECONDS))


class Cluster:
    """Nodes booted by `meshach up`, pinned as guests are (fabric.pin); taken down on exit."""

    def __init__(self, fabric: str, nodes: int, mtu: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshach-bench-"))
        self.arguments = ["--nodes", str(nodes), "--fabric", fabric, "--accel", "tcg",
                          "--append", f"net.mtu={mtu}"]
        self.servers: list[subprocess.Popen[str]] = []

    def meshach(self, *words: str) -> list[str]:
        return [MESHACH, words[0], "--dir", str(self.folder), *words[1:]]

    def __enter__(self) -> Cluster:
        done = subprocess.run(self.meshach("up", *self.arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            self.__exit__()
            raise Failed("the cluster did not boot: " + " / ".join(done.stdout.strip().splitlines()[-4:]))
        status = json.loads(subprocess.run(self.meshach("status", "--json"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           check=True).stdout)
        for node in status["nodes"]:
            pin(node["pid"], node["node"])
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.kill()
            server.wait()
        subprocess.run(self.meshach("down"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, node: int, *words: str) -> list[dict[str, object]]:
        """Run the program on a node to its end; its measurements."""
        try:
            done = subprocess.run(self.meshach("run", "--on", str(node), PROGRAM, *words), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"ipc_perf {' '.join(words)} on node {node} did not end within {SECONDS} s") from None
        lines = done.stdout.splitlines()
        if done.returncode or "BENCH-DONE" not in lines:
            raise Failed(f"ipc_perf {' '.join(words)} on node {node}: status {done.returncode}: " + " / ".join(lines[-3:]))
        return results(lines)

    def start(self, node: int, *words: str) -> None:
        """Start a server on a node, and wait until it says that it serves."""
        server = subprocess.Popen(self.meshach("run", "--on", str(node), PROGRAM, *words), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.servers.append(server)
        assert server.stdout is not None
        line = server.stdout.readline().strip()
        if line != "BENCH-SERVING":
            raise Failed(f"ipc_perf {' '.join(words)} on node {node} did not start: {line}")


def archive(folder: Path, line: str) -> Path:
    """A boot archive whose first task runs `line`, bin/PROGRAM WORDS, and ends the node with it."""
    program = line.split()[0]
    (folder / "start").write_text(f"all last {line}\n")
    out = folder / "bench.cpio"
    done = subprocess.run(["boot/image/archive.py", "-o", str(out), "-a", "build/boot.cpio", f"etc/start={folder}/start",
                           f"{program}=build/programs/{Path(program).name}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failed(f"no boot archive: {done.stdout.strip()}")
    return out


def alone(fabric: Fabric, port: int, words: str, seconds: float, program: str = "ipc_perf") -> list[str]:
    """The console of a node without others, whose one program is this one of the bench's."""
    image = archive(fabric.folder, f"bin/{program} {words}")
    with Guest("local", fabric.folder, [*fabric.guest(port), "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                                        "-kernel", KERNEL, "-initrd", str(image), "-append", "exit=1"], number=port) as node:
        return node.wait("BENCH-DONE", seconds)


def local(fabric: Fabric, port: int, count: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """(rows, floors) of one node."""
    found = results(alone(fabric, port, f"local {count}", SECONDS))
    return [row for row in found if "placement" in row], [row for row in found if "placement" not in row]


def memory(fabric: Fabric, port: int, count: int) -> list[dict[str, object]]:
    """Rows of calls on memory and of faults, of one node."""
    return results(alone(fabric, port, str(count), SECONDS, "vm_perf"))


def ports(fabric: Fabric, port: int, count: int) -> list[dict[str, object]]:
    """Rows of calls on ports, of one node."""
    return results(alone(fabric, port, str(count), SECONDS, "port_perf"))


def pagers(fabric: Fabric, port: int, count: int) -> list[dict[str, object]]:
    """Rows of external pagers, of one node."""
    return results(alone(fabric, port, str(count), SECONDS, "pager_perf"))


def tasks(fabric: Fabric, port: int, count: int) -> list[dict[str, object]]:
    """Rows of tasks, threads, exceptions and waiting, of one node."""
    return results(alone(fabric, port, str(count), SECONDS, "task_perf"))


def scheduler(fabric: Fabric, port: int, count: int) -> list[dict[str, object]]:
    """Rows of switches and wake-ups, of one node, and what its kernel says of its latencies."""
    return results(alone(fabric, port, str(count), SECONDS, "sched_perf"))


def remote(cluster: Cluster, count: int) -> list[dict[str, object]]:
    cluster.start(2, "serve", "bench.remote")
    return cluster.run(1, "remote", "bench.remote", str(count))
