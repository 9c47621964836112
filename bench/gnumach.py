# SPDX-License-Identifier: BSD-2-Clause
"""The other Mach: Debian's GNU Mach (i386) in a guest, with one boot module of ours that measures what its interface has."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from pathlib import Path

from .fabric import Fabric, Failed, Guest, results
from .linux import run

CACHE = Path("build/bench/gnumach")
PACKAGE = "gnumach-image-1.8-486"
SECONDS = 120


def apt(*words: str) -> list[str]:
    """apt-get for architecture i386 with lists of its own, so that this machine's are left as they are. Needs no root."""
    folder = (CACHE / "apt").resolve()
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    options = {"APT::Architecture": "i386", "APT::Architectures::": "i386", "Dir::State::lists": f"{folder}/lists",
               "Dir::State::status": "/dev/null", "Dir::Cache": f"{folder}/cache", "Acquire::Languages": "none"}
    return ["apt-get", "-q", *(word for key, value in options.items() for word in ("-o", f"{key}={value}")), *words]


def fetch_kernel() -> Path:
    """The kernel, unpacked. Downloads Debian's package once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    package = sorted(CACHE.glob(f"{PACKAGE}_*_i386.deb"))
    if not package:
        # Some list that is not needed may fail; the download tells whether the package is known.
        subprocess.run(apt("update"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        run(apt("download", PACKAGE), f"apt-get download {PACKAGE}", cwd=CACHE)
        package = sorted(CACHE.glob(f"{PACKAGE}_*_i386.deb"))
    kernel = CACHE / "gnumach"
    with tarfile.open(fileobj=io.BytesIO(run(["dpkg-deb", "--fsys-tarfile", str(package[-1])], "dpkg-deb"))) as tar:
        for member in tar:
            if "/boot/gnumach" in member.name and member.isfile():
                data = tar.extractfile(member)
                assert data is not None
                kernel.write_bytes(gzip.decompress(data.read()))
                return kernel
    raise Failed(f"{package[-1].name} has no kernel")


def prepare() -> tuple[Path, Path]:
    """(kernel, boot module)."""
    module = CACHE / "gnumach_peer"
    kernel = fetch_kernel()
    run(["gcc", "-m32", "-march=i686", "-O2", "-ffreestanding", "-fno-pic", "-no-pie", "-fno-stack-protector", "-nostdlib", "-static",
         "-Wall", "-Wextra", "-o", str(module), "bench/peers/gnumach_peer.c"], "building gnumach_peer")
    return kernel, module


def measure(fabric: Fabric, count: int) -> list[dict[str, object]]:
    """The rows of bench/peers/gnumach_peer.c: no network; the guest is as large as the others."""
    kernel, module = prepare()
    with Guest("gnumach", fabric.folder, ["-m", "256", "-kernel", str(kernel), "-append", "console=com0", "-initrd",
                                          f"{module} {count} ${{host-port}} ${{device-port}} $(task-create) $(task-resume)"],
               number=1) as guest:
        return results(guest.wait("BENCH-DONE", SECONDS))
