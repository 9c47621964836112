# SPDX-License-Identifier: BSD-2-Clause
"""The interfaces, and the code that tools/mig makes of them.

build/gen/FOLDER/NAME.h, NAME_user.c, NAME_server.{h,c}, NAME_table.c: for programs; included as <FOLDER/NAME.h>.
build/gen/kernel/NAME_server.{h,c}, NAME_table.c: for the kernel, which serves NAME.
"""

from __future__ import annotations

from pathlib import Path

from . import unit
from .ninja import Writer

# Under include/idl, one a line, sorted.
INTERFACES: list[str] = [
    "mach/default_pager_object.defs",
    "mach/device.defs",
    "mach/device_request.defs",
    "mach/clock.defs",
    "mach/clock_priv.defs",
    "mach/clock_reply.defs",
    "mach/exc.defs",
    "mach/host_notify_reply.defs",
    "mach/host_priv.defs",
    "mach/host_security.defs",
    "mach/lock_set.defs",
    "mach/mach4.defs",
    "mach/mach_exc.defs",
    "mach/mach_host.defs",
    "mach/mach_port.defs",
    "mach/mach_vm.defs",
    "mach/memory_object.defs",
    "mach/memory_object_control.defs",
    "mach/memory_object_default.defs",
    "mach/mk_timer_task.defs",
    "mach/notify.defs",
    "mach/processor.defs",
    "mach/processor_set.defs",
    "mach/prof.defs",
    "mach/semaphore.defs",
    "mach/task.defs",
    "mach/task_restartable.defs",
    "mach/thread_act.defs",
    "mach/vm_map.defs",
    "servers/bootstrap.defs",
    "servers/console.defs",
    "servers/name_server.defs",
    "servers/runner.defs",
    "servers/task_exit.defs",
]

# Of them, those that the kernel serves.
KERNEL: list[str] = [
    "mach/device.defs",
    "mach/clock.defs",
    "mach/clock_priv.defs",
    "mach/host_priv.defs",
    "mach/host_security.defs",
    "mach/lock_set.defs",
    "mach/mach4.defs",
    "mach/mach_host.defs",
    "mach/mach_port.defs",
    "mach/mach_vm.defs",
    "mach/mk_timer_task.defs",
    "mach/semaphore.defs",
    "mach/processor.defs",
    "mach/processor_set.defs",
    "mach/memory_object_control.defs",
    "mach/task.defs",
    "mach/task_restartable.defs",
    "mach/thread_act.defs",
    "mach/vm_map.defs",
]

# Those that the kernel calls: <kernel/NAME.h>.
KERNEL_CALLS: list[str] = [
    "mach/clock_reply.defs",
    "mach/exc.defs",
    "mach/host_notify_reply.defs",
    "mach/mach_exc.defs",
    "mach/memory_object.defs",
    "mach/memory_object_default.defs",
    "mach/prof.defs",
    "servers/console.defs",
    "servers/task_exit.defs",
]

# The runtime of stubs that also runs in the round-trip test on the host.
ROUNDTRIP: list[str] = [
    "lib/mach/mach_msg_destroy.c",
    "lib/mach/mach_msg_server.c",
    "lib/mach/mig_check.c",
    "lib/mach/mig_server.c",
    "lib/mach/mig_user.c",
    "tests/unit/mig/roundtrip_test.c",
]

# The servers' own data structures, in a program's form too.
SERVERS: list[str] = [
    "servers/bootstrap/start_list.c",
    "servers/name/name_table.c",
    "tests/unit/servers/tables_test.c",
]

# The default pager but its messages and disks.
DEFAULT_PAGER: list[str] = [
    "pager/default/blocks.c",
    "pager/default/object.c",
    "pager/default/page_map.c",
    "pager/default/pool.c",
    "tests/unit/pager/default_pager_test.c",
]

USER_TEST_CFLAGS = ("-std=gnu17 -g -O1 -fno-omit-frame-pointer -Wall -Wextra -Werror -Wno-unused-parameter "
                    "-Iinclude -Ilib -Ibuild/gen -Itests/unit/mig -fsanitize=address,undefined "
                    "-fno-sanitize-recover=all")


def tool() -> list[str]:
    return ["tools/mig/mig", *sorted(f"tools/mig/migc/{p.name}" for p in Path("tools/mig/migc").glob("*.py"))]


def program_files(defs: str) -> list[str]:
    """What mig makes of defs for programs: the headers first."""
    stem = defs.removesuffix(".defs")
    return [f"build/gen/{stem}.h", f"build/gen/{stem}_server.h", f"build/gen/{stem}_user.c",
            f"build/gen/{stem}_server.c", f"build/gen/{stem}_table.c"]


def kernel_files(defs: str) -> list[str]:
    name = Path(defs).stem
    return [f"build/gen/kernel/{name}_server.h", f"build/gen/kernel/{name}_server.c", f"build/gen/kernel/{name}_table.c"]


def kernel_caller_files(defs: str) -> list[str]:
    name = Path(defs).stem
    return [f"build/gen/kernel/{name}.h", f"build/gen/kernel/{name}_user.c", f"build/gen/kernel/{name}_table.c"]


def kernel_sources() -> list[str]:
    """The C files that go into the kernel."""
    return ["lib/mach/mig_check.c", *[f for defs in KERNEL for f in kernel_files(defs)[1:]],
            *[f for defs in KERNEL_CALLS for f in kernel_caller_files(defs)[1:]]]


def emit(n: Writer) -> list[str]:
    """Returns the headers, which every C file may need."""
    n.comment("interfaces")
    n.rule("mig", "tools/mig/mig $flags -Iinclude/idl -Iinclude -depfile $out_first.d -header $header -user $user "
           "-sheader $sheader -server $server -table $table -header-name $header_name -sheader-name $sheader_name $in",
           "MIG $in", depfile="$out_first.d", deps="gcc")
    headers = []
    for defs in INTERFACES:
        stem = defs.removesuffix(".defs")
        header, sheader, user, server, table = program_files(defs)
        man = f"build/man/man3/{Path(defs).stem}.3"
        n.build([header, sheader, user, server, table, man], "mig", [f"include/idl/{defs}"], implicit=tool(), header=header,
                sheader=sheader, user=user, server=server, table=table, out_first=header,
                header_name=f"'<{stem}.h>'", sheader_name=f"'<{stem}_server.h>'", flags=f"-man {man}")
        headers += [header, sheader]
    for defs in KERNEL:
        sheader, server, table = kernel_files(defs)
        n.build([sheader, server, table], "mig", [f"include/idl/{defs}"], implicit=tool(), header="/dev/null",
                user="/dev/null", sheader=sheader, server=server, table=table, out_first=sheader, header_name="none",
                sheader_name=f"'<kernel/{Path(defs).stem}_server.h>'", flags="-kernel")
        headers.append(sheader)
    for defs in KERNEL_CALLS:
        header, user, table = kernel_caller_files(defs)
        n.build([header, user, table], "mig", [f"include/idl/{defs}"], implicit=tool(), header=header, user=user,
                sheader="/dev/null", server="/dev/null", table=table, out_first=header,
                header_name=f"'<kernel/{Path(defs).stem}.h>'", sheader_name="none", flags="-kernel")
        headers.append(header)
    return headers


def emit_tests(n: Writer, generated: list[str]) -> list[str]:
    n.comment("mig's round trip on the host, in a program's form")
    n.variable("mig_test_cflags", USER_TEST_CFLAGS)
    n.rule("mig_test_cc", "gcc $mig_test_cflags -MMD -MF $out.d -c $in -o $out", "HOSTCC $in", depfile="$out.d", deps="gcc")
    folder = "build/gen/test/sample"
    files = [f"{folder}{end}" for end in (".h", "_server.h", "_user.c", "_server.c", "_table.c")]
    n.build(files, "mig", ["tests/unit/mig/sample.defs"], implicit=tool(), header=files[0], sheader=files[1],
            user=files[2], server=files[3], table=files[4], out_first=files[0], header_name="'<test/sample.h>'",
            sheader_name="'<test/sample_server.h>'", flags="")
    objects = [n.build(f"build/host/user/{source.removeprefix('build/').rsplit('.', 1)[0]}.o", "mig_test_cc", [source],
                       order_only=[*generated, files[0]]) for source in [*ROUNDTRIP, *files[2:]]]
    demux = n.build("build/host/user/tests/fuzz/fuzz_mig_user.o", "mig_test_cc", ["tests/fuzz/fuzz_mig_user.c"],
                    order_only=[*generated, files[0]])
    needs = ("mach_msg_destroy.o", "mig_check.o", "mig_server.o", "sample_server.o", "sample_table.o")
    n.build("build/tests/fuzz/fuzz_mig_user", "host_link", [demux, *[o for o in objects if o.endswith(needs)]])
    tests = ["build/tests/fuzz/fuzz_mig_user", n.build("build/tests/unit/mig_roundtrip", "host_link", objects, libs="-lcmocka")]
    objects = [n.build(f"build/host/user/{source.rsplit('.', 1)[0]}.o", "mig_test_cc", [source], order_only=generated)
               for source in SERVERS]
    tests.append(n.build("build/tests/unit/servers", "host_link", objects, libs="-lcmocka"))
    objects = [n.build(f"build/host/user/{source.rsplit('.', 1)[0]}.o", "mig_test_cc", [source], order_only=generated)
               for source in DEFAULT_PAGER]
    tests.append(n.build("build/tests/unit/default_pager", "host_link", objects, libs="-lcmocka"))
    return [*tests, emit_kernel_fuzz(n, generated)]


def emit_kernel_fuzz(n: Writer, generated: list[str]) -> str:
    """The kernel's demux and stubs over the real ipc, on the host; the sample interface as a kernel one."""
    made = [f"build/gen/test/kernel/sample_{part}" for part in ("server.h", "server.c", "table.c")]
    n.build(made, "mig", ["tests/unit/mig/sample.defs"], implicit=tool(), header="/dev/null", user="/dev/null",
            sheader=made[0], server=made[1], table=made[2], out_first=made[0], header_name="none",
            sheader_name="'<test/kernel/sample_server.h>'", flags="-kernel")
    plain = [*kernel_files("mach/mach_port.defs")[1:], "kernel/kern/ipc_kobject_ports.c", "lib/mach/mig_check.c", *unit.IPC]
    objects = [n.build(f"build/host/{source.removeprefix('build/').rsplit('.', 1)[0]}.o", "host_cc", [source],
                       order_only=generated) for source in plain]
    for source in ("kernel/kern/ipc_kobject.c", "tests/fuzz/fuzz_mig_demux.c", *made[1:]):
        out = f"build/host/fuzz/{source.removeprefix('build/').rsplit('.', 1)[0]}.o"
        renamed = " -Dipc_kobject_server=tested_kobject_server" if source.endswith("ipc_kobject.c") else ""
        objects.append(n.build(out, "host_cc", [source], order_only=[*generated, made[0]],
                               flags="-Itests/unit/mig" + renamed))
    return n.build("build/tests/fuzz/fuzz_mig_demux", "host_link", objects, libs="-lcmocka")
