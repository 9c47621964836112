# SPDX-License-Identifier: BSD-2-Clause
"""The peers: Debian's own kernel and busybox in two small guests, measuring what an application there would see."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from .fabric import Fabric, Failed, Guest, results

CACHE = Path("build/bench/linux")
# In this order; those that the kernel has built in are not there and not needed.
MODULES = ["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "failover", "net_failover",
           "virtio_net"]


def run(command: list[str], what: str, cwd: Path | None = None) -> bytes:
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode:
        raise Failed(f"{what} failed: {done.stderr.decode(errors='replace').strip().splitlines()[-1:]}")
    return done.stdout


def newc(entries: list[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive (newc) of (name, mode, contents)."""
    out = bytearray()
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def fetch_kernel() -> tuple[Path, dict[str, bytes]]:
    """The kernel image, and the modules that a guest loads. Downloads Debian's package once; needs no root."""
    CACHE.mkdir(parents=True, exist_ok=True)
    depends = run(["apt-cache", "depends", "linux-image-amd64"], "apt-cache").decode()
    names = [line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line]
    if not names:
        raise Failed("apt knows no linux-image-amd64: run apt-get update")
    package = sorted(CACHE.glob(f"{names[0]}_*.deb"))
    if not package:
        run(["apt-get", "download", "-q", names[0]], f"apt-get download {names[0]}", cwd=CACHE)
        package = sorted(CACHE.glob(f"{names[0]}_*.deb"))
    kernel, modules = CACHE / f"vmlinuz-{names[0]}", {}
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package[-1])], stdout=subprocess.PIPE) as unpack:
        assert unpack.stdout is not None
        with tarfile.open(fileobj=unpack.stdout, mode="r|") as tar:
            for member in tar:
                name = member.name.rsplit("/", 1)[-1]
                if "/boot/vmlinuz-" in member.name or name.removesuffix(".ko") in MODULES and name.endswith(".ko"):
                    data = tar.extractfile(member)
                    assert data is not None
                    if name.startswith("vmlinuz-"):
                        kernel.write_bytes(data.read())
                    else:
                        modules[name] = data.read()
    return kernel, modules


def prepare() -> tuple[Path, Path]:
    """Build the guests' archive. Returns (kernel, archive)."""
    kernel, modules = fetch_kernel()
    program = CACHE / "linux_peer"
    run(["musl-gcc", "-O2", "-static", "-Wall", "-o", str(program), "bench/peers/linux_peer.c"], "building linux_peer")
    order = [f"{name}.ko" for name in MODULES if f"{name}.ko" in modules]
    entries: list[tuple[str, int, bytes]] = [(folder, 0o40755, b"") for folder in ("bin", "dev", "proc", "sys", "modules")]
    entries += [("bin/busybox", 0o100755, Path("/bin/busybox").read_bytes()),
                ("init", 0o100755, Path("bench/peers/init").read_bytes()),
                ("linux_peer", 0o100755, program.read_bytes()), ("modules/order", 0o100644, "\n".join(order).encode() + b"\n")]
    entries += [(f"modules/{name}", 0o100644, modules[name]) for name in order]
    archive = CACHE / "initrd"
    archive.write_bytes(newc(entries))
    return kernel, archive


def guest(name: str, fabric: Fabric, port: int, words: list[str], files: tuple[Path, Path]) -> Guest:
    options = f"console=ttyS0 quiet panic=-1 bench.address=10.77.1.{port} bench.mtu={fabric.mtu} bench.run={','.join(words)}"
    return Guest(name, fabric.folder, [*fabric.guest(port), "-kernel", str(files[0]), "-initrd", str(files[1]), "-append", options],
                 number=port)


def measure(fabric: Fabric, first_port: int, net_count: int, local_count: int) -> list[dict[str, object]]:
    """UDP and TCP round trips between two guests on the fabric, then pipe and unix socket, and memory, processes and threads, in one alone."""
    files = prepare()
    found: list[dict[str, object]] = []
    with guest("linux-server", fabric, first_port, ["serve"], files) as server:
        server.wait("BENCH-SERVING", 60)
        with guest("linux-client", fabric, first_port + 1, ["net", f"10.77.1.{first_port}", str(net_count)], files) as client:
            found += results(client.wait("BENCH-DONE", 120))
    with guest("linux-local", fabric, first_port, ["local", str(local_count)], files) as alone:
        found += results(alone.wait("BENCH-DONE", 120))
    with guest("linux-memory", fabric, first_port, ["memory", str(net_count)], files) as alone:
        found += results(alone.wait("BENCH-DONE", 120))
    with guest("linux-threads", fabric, first_port, ["threads", str(net_count)], files) as alone:
        found += results(alone.wait("BENCH-DONE", 120))
    return found
