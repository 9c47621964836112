# SPDX-License-Identifier: BSD-2-Clause
"""Programs for nodes: libmach.a, the servers, the examples; the boot archive; the SDK."""

from __future__ import annotations

from pathlib import Path

from . import mig
from .ninja import Writer

# libmach.a, with the callers' stubs, server stubs and tables of all interfaces. One file a line, sorted.
LIBMACH: list[str] = [
    "lib/base/elf.c",
    "lib/mach/bootstrap.c",
    "lib/mach/bootstrap_keep.c",
    "lib/mach/default_manager.c",
    "lib/mach/exception_ports.c",
    "lib/mach/mach_error.c",
    "lib/mach/mach_init.c",
    "lib/mach/mach_msg.c",
    "lib/mach/mach_msg_destroy.c",
    "lib/mach/mach_msg_server.c",
    "lib/mach/mig_check.c",
    "lib/mach/mig_server.c",
    "lib/mach/mig_user.c",
    "lib/mach/pager.c",
    "lib/mach/shortcuts.c",
    "lib/mach/spawn.c",
    "lib/mach/time.c",
    "lib/mach/traps.S",
    "lib/mach/vm_caller.c",
]

# Routines whose stub lib/mach/shortcuts.c stands before: the stub's name gets the prefix _kernelrpc_.
SHORTCUTS: dict[str, list[str]] = {
    "lock_set": ["lock_acquire", "lock_handoff", "lock_handoff_accept", "lock_make_stable", "lock_release", "lock_try"],
    "semaphore": ["semaphore_signal", "semaphore_signal_all", "semaphore_signal_thread", "semaphore_timedwait",
                  "semaphore_timedwait_signal", "semaphore_wait", "semaphore_wait_signal"],
    "mach_port": ["mach_port_allocate", "mach_port_construct", "mach_port_deallocate", "mach_port_destroy",
                  "mach_port_destruct", "mach_port_extract_member", "mach_port_get_attributes", "mach_port_guard",
                  "mach_port_insert_member", "mach_port_insert_right", "mach_port_mod_refs", "mach_port_move_member",
                  "mach_port_request_notification", "mach_port_type", "mach_port_unguard"],
    "mach_vm": ["mach_vm_allocate", "mach_vm_deallocate", "mach_vm_page_range_query", "mach_vm_protect", "mach_vm_read_list",
                "mach_vm_read_overwrite"],
    "vm_map": ["vm_read_list", "vm_read_overwrite"],
}

# Program -> its source files.
PROGRAMS: dict[str, list[str]] = {
    "bootstrap": ["kernel/kern/archive.c", "pager/file/file_pager.c", "servers/bootstrap/bootstrap.c", "servers/bootstrap/start_list.c"],
    "default-pager": ["pager/default/blocks.c", "pager/default/info.c", "pager/default/main.c", "pager/default/object.c",
                      "pager/default/page_map.c", "pager/default/pool.c", "pager/default/store.c"],
    "memory-server": ["pager/net/memory_server.c"],
    "swap-on": ["pager/net/swap_on.c"],
    "lent_memory": ["tests/programs/lent_memory.c"],
    "hello": ["examples/hello/hello.c"],
    "mdb": ["examples/debugger/mdb.c"],
    "test-aborts": ["tests/programs/aborts.c"],
    "test-host-debug": ["tests/programs/host_debug.c"],
    "test-hostile-handlers": ["tests/programs/hostile_handlers.c"],
    "test-linux": ["tests/programs/linux_calls.c"],
    "test-clocks": ["tests/programs/clocks.c"],
    "test-debugger": ["tests/programs/debugger.c"],
    "test-redirect": ["tests/programs/redirect.c"],
    "test-sampling": ["tests/programs/sampling.c"],
    "test-stress": ["tests/programs/stress.c"],
    "test-sync-stress": ["tests/programs/sync_stress.c"],
    "test-task-limits": ["tests/programs/task_limits.c"],
    "test-tasks": ["tests/programs/tasks.c"],
    "net-check": ["tests/programs/net_check.c"],
    "name": ["servers/name/name.c", "servers/name/name_table.c"],
    "runner": ["servers/runner/runner.c"],
    "test-exception-kinds": ["tests/programs/exceptions.c"],
    "test-pressure": ["tests/programs/pressure.c"],
    "test-default-pager-calls": ["tests/programs/default_pager_calls.c"],
    "test-paging-failures": ["tests/programs/paging_failures.c"],
    "test-exceptions": ["tests/programs/exception_live.c"],
    "test-servers": ["tests/programs/servers_live.c"],
    "tests/device_calls": ["tests/kernel/programs/device_calls.c"],
    "tests/device_memory": ["tests/kernel/programs/device_memory.c"],
    "pager-example": ["examples/pager/pager.c"],
    "test-pager-answers": ["tests/programs/pager_answers.c"],
    "test-pagers": ["tests/programs/pagers.c"],
    "tests/messages": ["tests/programs/messages.c"],
    "tests/interrupts_off": ["tests/kernel/programs/interrupts_off.c"],
    "tests/ipc_calls": ["tests/kernel/programs/ipc_calls.c"],
    "tests/ports": ["tests/programs/ports.c"],
    "tests/sched_calls": ["tests/kernel/programs/sched_calls.c"],
    "tests/vm_calls": ["tests/kernel/programs/vm_calls.c"],
    "tests/vm_every": ["tests/programs/vm_calls.c"],
    "tests/vm_interrupts_off": ["tests/kernel/programs/vm_interrupts_off.c"],
    "tests/vm_tasks": ["tests/kernel/programs/vm_tasks.c"],
    "tests/vm_threads": ["tests/kernel/programs/vm_threads.c"],
}

# Example -> (its .defs, {program -> source files}).
EXAMPLES: dict[str, tuple[str, dict[str, list[str]]]] = {
    "counter": ("examples/counter/counter.defs", {"counter": ["examples/counter/client.c"],
                                                  "counter-server": ["examples/counter/server.c"]}),
    "sample": ("tests/unit/mig/sample.defs", {"test-mig": ["tests/programs/mig_live.c"]}),
}

MANIFEST = "boot/image/manifest"

CFLAGS = ("-std=gnu17 -O2 -g -fno-pie -fno-omit-frame-pointer -ffunction-sections -fdata-sections -Wall -Wextra -Werror "
          "-Wno-unused-parameter -Iinclude -Ibuild/gen -Ilib -Ikernel")


def emit(n: Writer, generated: list[str]) -> list[str]:
    n.comment("programs for nodes")
    n.variable("node_cflags", CFLAGS)
    n.rule("node_cc", "musl-gcc $node_cflags $flags -MMD -MF $out.d -c $in -o $out", "NODECC $in", depfile="$out.d",
           deps="gcc")
    n.rule("node_ar", "rm -f $out && ar rcs $out $in", "AR $out")
    n.rule("node_link", "musl-gcc -static -no-pie -Wl,--gc-sections -Wl,-z,noexecstack $in -o $out", "NODELINK $out")

    def compiled(source: str, flags: str = "") -> str:
        stem = source.removeprefix("build/").rsplit(".", 1)[0]
        return n.build(f"build/node/{stem}.o", "node_cc", [source], order_only=generated, flags=flags)

    objects = [compiled(source) for source in LIBMACH]
    for defs in mig.INTERFACES:
        renamed = " ".join(f"-D{name}=_kernelrpc_{name}" for name in SHORTCUTS.get(Path(defs).stem, []))
        _, _, user, server, table = mig.program_files(defs)
        objects += [compiled(server), compiled(table)]
        if defs != "mach/notify.defs":  # only kernels send notifications, and <mach/notify.h> is its forms
            objects.append(compiled(user, renamed))
    library = n.build("build/libmach.a", "node_ar", objects)
    targets = [library]
    n.rule("node_strip", "strip -o $out $in", "STRIP $out")

    def program(name: str, parts: list[str]) -> None:
        linked = n.build(f"build/programs/{name}", "node_link", [*parts, library])
        targets.append(n.build(f"build/stripped/{name}", "node_strip", [linked]))

    for name, sources in PROGRAMS.items():
        program(name, [compiled(source) for source in sources])
    for name, (defs, programs) in EXAMPLES.items():
        stem = f"build/gen/examples/{name}"
        made = [f"{stem}{end}" for end in (".h", "_server.h", "_user.c", "_server.c", "_table.c")]
        n.build(made, "mig", [defs], implicit=mig.tool(), header=made[0], sheader=made[1], user=made[2],
                server=made[3], table=made[4], out_first=made[0], header_name=f"'\"{name}.h\"'",
                sheader_name=f"'\"{name}_server.h\"'", flags="")
        flags = f"-Ibuild/gen/examples -I{Path(defs).parent}"

        def example_object(source: str) -> str:
            out = f"build/node/{source.removeprefix('build/').rsplit('.', 1)[0]}.o"
            return n.build(out, "node_cc", [source], order_only=[*generated, made[0]], flags=flags)

        stubs = [example_object(source) for source in made[2:]]
        for program_name, sources in programs.items():
            program(program_name, [*map(example_object, sources), *stubs])
    return [*targets, archive(n), sdk(n, library, generated)]


def archive(n: Writer) -> str:
    n.comment("the boot archive")
    n.rule("archive", "boot/image/archive.py -o $out $in", "ARCHIVE $out")
    lines = [line.split("#")[0].split() for line in Path(MANIFEST).read_text().splitlines()]
    files = [words[1] for words in lines if words]
    return n.build("build/boot.cpio", "archive", [MANIFEST], implicit=["boot/image/archive.py", *files])


def sdk(n: Writer, library: str, generated: list[str]) -> str:
    n.comment("the SDK")
    headers = sorted(str(path) for folder in ("device", "mach", "mach_debug", "servers")
                     for path in Path("include", folder).rglob("*.h"))
    defs = sorted(str(path) for path in Path("include/idl").rglob("*.defs"))
    n.rule("sdk", "tools/sdk/assemble.py build/sdk $library", "SDK")
    return n.build("build/sdk/bin/meshach-cc", "sdk", ["tools/sdk/meshach-cc"], library=library,
                   implicit=["tools/sdk/assemble.py", library, *headers, *defs, *generated, *mig.tool()])
