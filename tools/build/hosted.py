# SPDX-License-Identifier: BSD-2-Clause
"""The hosted node: kernel/ipc and netipc as a library for Linux programs (cluster/hosted/hosted.h)."""

from __future__ import annotations

from pathlib import Path

from . import cores, mig, unit, user
from .ninja import Writer

# The kernel's half, beside the doubles of the host: linked into one object that shows hosted_* only. One a line, sorted.
KERNEL: list[str] = [
    "cluster/hosted/entry.c",
    "cluster/hosted/join.c",
    "cluster/hosted/machine.c",
    "cluster/hosted/nic_socket.c",
    "cluster/hosted/task.c",
    "cluster/hosted/vm.c",
    "kernel/device/nic.c",
    *cores.IPC,
    "kernel/ipc/ipc_net.c",
    "kernel/ipc/ipc_net_info.c",
    "kernel/ipc/ipc_net_link.c",
    "kernel/ipc/ipc_net_move.c",
    "kernel/ipc/ipc_net_receive.c",
    "kernel/ipc/ipc_net_send.c",
    "kernel/kern/host.c",
    "kernel/kern/ipc_kobject.c",
    "kernel/kern/ipc_kobject_ports.c",
    "kernel/kern/ipc_kobject_table.c",
    "kernel/kern/kworker.c",
    "kernel/kern/options.c",
]

# The double that tests have and a process replaces by its own.
REPLACED = ["tests/unit/host/vm_map_copy.c"]

# The meshach command, which is such a program.
MESHACH: list[str] = [
    "cluster/json.c",
    "cluster/meshach/archive.c",
    "cluster/meshach/bench.c",
    "cluster/meshach/client.c",
    "cluster/meshach/console.c",
    "cluster/meshach/main.c",
    "cluster/meshach/qemu.c",
    "cluster/meshach/run.c",
    "cluster/meshach/state.c",
    "cluster/meshach/supervisor.c",
    "cluster/meshach/up.c",
]

# Of libmach, what needs the kernel's memory calls or its own traps stays out.
NOT_HOSTED = ["lib/mach/spawn.c", "lib/mach/traps.S"]

KERNEL_CFLAGS = unit.CFLAGS.replace("-O1", "-O2") + " -D_GNU_SOURCE -Icluster/hosted"
USER_CFLAGS = ("-std=gnu17 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer -Wall -Wextra -Werror -Wno-unused-parameter "
               "-Iinclude -Ibuild/gen -Ilib -Ikernel -Icluster/hosted")


def library(n: Writer, generated: list[str]) -> list[str]:
    """What a hosted program is linked with: the kernel's half and libmach."""
    n.comment("the hosted node")
    n.variable("hosted_kernel_cflags", KERNEL_CFLAGS)
    n.variable("hosted_user_cflags", USER_CFLAGS)
    for half in ("kernel", "user"):
        n.rule(f"hosted_{half}_cc", f"gcc $hosted_{half}_cflags $flags -MMD -MF $out.d -c $in -o $out", "CC $in",
               depfile="$out.d", deps="gcc")
    n.rule("hosted_hide", "ld -r $in -o $out.all && objcopy --wildcard --keep-global-symbol='hosted_*' $out.all $out",
           "HIDE $out")
    n.rule("hosted_ar", "rm -f $out && ar rcs $out $in", "AR $out")

    def compiled(half: str, source: str, flags: str = "") -> str:
        stem = source.removeprefix("build/").rsplit(".", 1)[0]
        return n.build(f"build/hosted/{half}/{stem}.o", f"hosted_{half}_cc", [source], order_only=generated, flags=flags)

    doubles = [source for source in unit.HOST if source not in REPLACED]
    netipc = dict.fromkeys([*unit.NETIPC, *unit.ROCE])
    sources = [*KERNEL, *doubles, *netipc, *(f for f in mig.kernel_sources() if not f.endswith("_user.c"))]
    kernel = n.build("build/hosted/kernel.o", "hosted_hide", [compiled("kernel", source) for source in sources])
    objects = [compiled("user", source) for source in user.LIBMACH if source not in NOT_HOSTED]
    objects.append(compiled("user", "cluster/hosted/traps.c"))
    for defs in mig.INTERFACES:
        renamed = " ".join(f"-D{name}=_kernelrpc_{name}" for name in user.SHORTCUTS.get(Path(defs).stem, []))
        _, _, caller, server, table = mig.program_files(defs)
        objects += [compiled("user", server), compiled("user", table)]
        if defs != "mach/notify.defs":  # <mach/notify.h> is the forms that only kernels send
            objects.append(compiled("user", caller, renamed))
    return [kernel, n.build("build/hosted/libmach.a", "hosted_ar", objects)]


def emit(n: Writer, generated: list[str]) -> list[str]:
    """Returns the default targets."""
    parts = library(n, generated)
    n.rule("hosted_link", "gcc $in -o $out -lpthread", "LINK $out")
    test = n.build("build/hosted/user/tests/hosted/local_test.o", "hosted_user_cc", ["tests/hosted/local_test.c"],
                   order_only=generated)
    objects = [n.build(f"build/hosted/user/{source.removesuffix('.c')}.o", "hosted_user_cc", [source],
                       order_only=generated, flags="-Icluster") for source in MESHACH]
    return [n.build("build/tests/hosted/local", "hosted_link", [test, *parts]),
            n.build("build/meshach", "hosted_link", [*objects, *parts])]
