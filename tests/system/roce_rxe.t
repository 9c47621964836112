#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: our RoCE engine against a real peer, Linux's rxe in a guest, each the requester in turn.

Timeout: 240

SEND, WRITE, WRITE with immediate and READ of 0 to 16384 bytes both ways at path MTU 4096, 1024 and 256, every
byte checked; then with 1 % of the frames dropped and doubled. The switch captures one run; icrc_check.py must
find every ICRC right, those of Linux and ours alike. Debian's kernel package is downloaded, not installed; skipped
where that or libibverbs is not to be had.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from report import ROOT, check, done, skip  # noqa: E402

sys.path.insert(0, str(ROOT))
from bench import linux  # noqa: E402
from bench.fabric import Fabric, Failed, Guest  # noqa: E402

HERE = Path("tests/system/rxe")
# In this order; those that the kernel has built in are not there and not needed.
MODULES = [*linux.MODULES, "udp_tunnel", "ip6_udp_tunnel", "crc32_generic", "ib_core", "ib_uverbs", "rdma_rxe"]
PROVIDER = "/usr/lib/x86_64-linux-gnu/libibverbs/librxe-rdmav34.so"
COUNT = 64


def libraries(program: str) -> list[str]:
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", out)


def prepare(folder: Path) -> tuple[Path, Path]:
    """The kernel, and an archive with rxe, libibverbs and rxe_guest."""
    linux.MODULES[:] = MODULES
    kernel, modules = linux.fetch_kernel()
    order = [f"{name}.ko" for name in MODULES if f"{name}.ko" in modules]
    program = folder / "rxe_guest"
    linux.run(["gcc", "-O2", "-Wall", "-o", str(program), str(HERE / "rxe_guest.c"), "-libverbs"], "building rxe_guest")
    files = {"init": HERE / "init", "rxe_guest": program, "bin/busybox": Path("/bin/busybox"), PROVIDER[1:]: Path(PROVIDER),
             "etc/libibverbs.d/rxe.driver": Path("/etc/libibverbs.d/rxe.driver")}
    for library in {*libraries(str(program)), *libraries(PROVIDER)}:
        files[library[1:]] = Path(library)
    folders = {str(parent) for name in files for parent in Path(name).parents if str(parent) != "."}
    entries: list[tuple[str, int, bytes]] = [(name, 0o40755, b"") for name in sorted({"dev", "modules", "proc", "sys", *folders})]
    entries += [(name, 0o100755, path.read_bytes()) for name, path in files.items()]
    entries += [("modules/order", 0o100644, "\n".join(order).encode() + b"\n")]
    entries += [(f"modules/{name}", 0o100644, modules[name]) for name in order]
    archive = folder / "rxe.initrd"
    archive.write_bytes(linux.newc(entries))
    return kernel, archive


def side(fabric: Fabric, mtu: int, count: int) -> None:
    """Our side of one case; its TAP lines become ours."""
    r = subprocess.run(["build/tools/roce_side", f"{fabric.folder}/n1", f"{fabric.folder}/s1", str(mtu), str(count)],
                       capture_output=True, text=True, timeout=200)
    lines = r.stdout.splitlines()
    for i, line in enumerate(lines):
        if found := re.match(r"(not )?ok - (.*)", line):
            check(found[1] is None, found[2], "\n".join(x[2:] for x in lines[i + 1:] if x.startswith("#")) + r.stderr)
    check(r.returncode == 0, f"ROCE0402 our side ended well, path MTU {mtu}", r.stdout[-3000:] + r.stderr)


for needed in (PROVIDER, "/usr/include/infiniband/verbs.h", "/bin/busybox"):
    if not Path(needed).exists():
        skip(f"there is no {needed} (ibverbs-providers, libibverbs-dev, busybox-static)")
for needed in ("qemu-system-x86_64", "apt-get", "dpkg-deb"):
    if shutil.which(needed) is None:
        skip(f"there is no {needed}")
with Fabric("dgram", 2, 9000) as fabric:
    try:
        kernel, archive = prepare(fabric.folder)
    except (Failed, OSError, tarfile.TarError) as error:
        skip(f"no Linux guest: {error}")
    options = "console=ttyS0 quiet panic=-1"
    with Guest("rxe", fabric.folder, [*fabric.guest(2), "-kernel", str(kernel), "-initrd", str(archive), "-append",
                                      options]) as guest:
        try:
            guest.wait("RXE-READY", 60)
        except Failed as error:
            check(False, "ROCE0400 the guest comes up with rxe", error)
            done()
        capture = fabric.folder / "rxe.pcap"
        fabric.control(f"capture {capture}")
        for mtu in (4096, 1024, 256):
            side(fabric, mtu, COUNT)
        fabric.control("capture-stop")
        r = subprocess.run([sys.executable, "tools/check/icrc_check.py", str(capture), "--at-least", "1000"],
                           capture_output=True, text=True)
        check(r.returncode == 0, "ROCE0403 every ICRC of Linux and of ours is right", r.stdout[-2000:])
        fabric.control("fault drop=1 dup=1 seed=5")
        side(fabric, 1024, COUNT)
        errors = [line for line in guest.lines() if "ERROR" in line]
        check(not errors, "ROCE0404 the guest saw no error", "\n".join(errors))
done()
