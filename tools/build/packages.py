# SPDX-License-Identifier: BSD-2-Clause
"""The Debian packages that each command of configure.py wants, and why. One a line, sorted."""

from __future__ import annotations

# command -> {package: why}
WANTED: dict[str, dict[str, str]] = {
    "demo": {
        "binutils": "links the kernel and makes its multiboot file",
        "gcc": "compiles the kernel and the meshach command",
        "ipxe-qemu": "the network boot ROM of the nodes' virtual NIC",
        "libc6-dev": "headers for the programs that run on this host",
        "musl-tools": "compiles the programs that run on the nodes",
        "ninja-build": "runs the build",
        "qemu-system-x86": "the nodes are its virtual machines",
    },
    "test": {
        "bochs": "a second x86 for the kernel, with PCIDs",
        "bochs-term": "Bochs' display on a terminal",
        "bochsbios": "its BIOS",
        "busybox-static": "the user land of the Linux guest that talks RoCEv2 with us",
        "cpio": "a second maker of boot archives",
        "gdb": "reads the kernel's symbols in the debugging tests",
        "grub-common": "makes the boot loader of Bochs' CD",
        "grub-pc-bin": "its modules",
        "ibverbs-providers": "rxe, Linux's RoCEv2, as a real peer of our transport",
        "libcmocka-dev": "unit tests",
        "libdpdk-dev": "the vhost fabric's switch",
        "libibverbs-dev": "the program that drives rxe",
        "perl": "prove, which runs the tests",
        "pkg-config": "finds DPDK",
        "tshark": "reads captures of the fabric",
        "vgabios": "the BIOS of Bochs' display",
        "xorriso": "makes the CD",
    },
    "bench": {
        "busybox-static": "the user land of the Linux guests that we are compared with (their kernel is downloaded, not installed)",
        "gnuplot-nox": "plots",
        "libdpdk-dev": "the vhost fabric's switch",
        "pkg-config": "finds DPDK",
    },
}

# bench and test want what demo wants, too.
INCLUDES: dict[str, list[str]] = {"demo": [], "test": ["demo"], "bench": ["demo"]}


def wanted(command: str) -> dict[str, str]:
    """Purpose: every package of a command with its reason, in order of name."""
    found = dict(WANTED[command])
    for other in INCLUDES[command]:
        for package, why in wanted(other).items():
            found.setdefault(package, why)
    return dict(sorted(found.items()))
