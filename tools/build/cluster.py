# SPDX-License-Identifier: BSD-2-Clause
"""The programs that run a cluster from a Linux host: the switch and the meshach command."""

from __future__ import annotations

from .ninja import Writer

# Program -> its source files. One file a line, sorted, so that changes merge.
PROGRAMS: dict[str, list[str]] = {
    "meshach-switch": [
        "cluster/json.c",
        "cluster/switch/capture.c",
        "cluster/switch/control.c",
        "cluster/switch/dgram.c",
        "cluster/switch/dhcp.c",
        "cluster/switch/fault.c",
        "cluster/switch/loop.c",
        "cluster/switch/main.c",
        "cluster/switch/netboot.c",
        "cluster/switch/switch.c",
        "cluster/switch/tftp.c",
    ],
}

CFLAGS = "-std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -Icluster -Ilib -Iinclude"


def emit(n: Writer, generated: list[str]) -> list[str]:
    n.comment("the cluster's programs on the host")
    n.variable("cluster_cflags", CFLAGS)
    n.rule("cluster_cc", "gcc $cluster_cflags -MMD -MF $out.d -c $in -o $out", "CC $in", depfile="$out.d", deps="gcc")
    n.rule("cluster_link", "gcc $in -o $out -lpthread", "LINK $out")
    targets = []
    for name, sources in PROGRAMS.items():
        objects = [n.build(f"build/cluster/{source.rsplit('.', 1)[0].removeprefix('cluster/')}.o", "cluster_cc",
                           [source], order_only=generated) for source in sources]
        targets.append(n.build(f"build/{name}", "cluster_link", objects))
    # With DPDK there (libdpdk-dev), the vhost fabric's switch, too; without it, nothing.
    n.rule("vhost_switch", "sh tools/build/vhost_switch.sh $out $in", "DPDK $out")
    targets.append(n.build("build/meshach-switch-vhost", "vhost_switch",
                           [*PROGRAMS["meshach-switch"], "cluster/switch/vhost.c"],
                           implicit=["tools/build/vhost_switch.sh", "cluster/json.h", "cluster/switch/bytes.h",
                                     "cluster/switch/netboot.h", "cluster/switch/switch.h"]))
    n.rule("copy", "cp $in $out", "COPY $out")
    targets.append(n.build("build/boot.ipxe", "copy", ["boot/ipxe/boot.ipxe"]))
    return targets


def emit_tests(n: Writer, generated: list[str]) -> list[str]:
    """After unit.emit, whose rules these use."""
    n.comment("tests of the cluster's programs")
    flags = "-D_GNU_SOURCE -Icluster -Icluster/switch"
    sources = [f"cluster/switch/{name}.c" for name in ("capture", "dhcp", "fault", "netboot", "switch", "tftp")]
    objects = [n.build(f"build/host/{source.rsplit('.', 1)[0]}.o", "host_cc", [source], flags=flags)
               for source in ["tests/fuzz/switch_fuzz.c", *sources]]
    return [n.build("build/tests/fuzz/switch_fuzz", "host_link", objects)]
