#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the kernel's debugger on the serial console, and the gdb helpers, on a machine that runs.

Timeout: 300
"""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable

from runner import GOOD, KERNEL, PANICKED, boot, start_archive
from report import check, done

# The first bytes may be lost while the console is set up. Return ~ Ctrl-B enters.
ENTER = "\r" * 40 + "~\x02"


def has(what: str, text: str, *patterns: str) -> None:
    missing = [p for p in patterns if re.search(p, text, re.MULTILINE) is None]
    check(not missing, what, f"not there: {missing}\n{text[-6000:]}")


def console(folder: str) -> None:
    lines = ["help", "tasks", "threads", "thread 2", "bt 2", "ports 0", "map 0", "map 12345", "x zzz", "pages", "zones", "cpus", "locks",
             "lockstat", "trace 5", "x ffffffff80200000 2", "x 10", "symbol ffffffff80200000", "regs", "object 8", "port 8", "nonsense", "",
             "continue"]
    # Once a program runs: before that, threads of the kernel may not have come to where they wait.
    start = "first server servers/name\nall server servers/runner\nall last bin/busy\n"
    archive = start_archive(folder, start, "bin/busy=build/stripped/test-aborts")
    result = boot("ddb=1 exit=1", cpus=2, archive=archive, typed=ENTER + "\r".join(lines) + "\r", after="ok 20 - ", seconds=150)
    text = result.text
    has("DDB0001 Return ~ Ctrl-B stops the machine", text, r"^ddb: CPU \d+, the machine stands still")
    has("DDB0002 tasks and threads are listed", text, r"^ffff\w+ 0 .* kernel$", r"^ffff\w+ 2 +\w+ .*reaper")
    has("DDB0003 a thread's registers and calls are shown", text, r"^task ffff\w+ id 0, ast", r"waitq_block|switch_stacks|reap")
    has("DDB0004 pages, zones and CPUs", text, r"^\d+ frames, \d+ free", r"^audit: ", r"^thread +\d+ bytes", r"^cpu 1: thread .* at [0-9a-f]+$")
    has("DDB0005 what locks cost", text, r"^run queue +\d+ +\d+")
    has("DDB0006 the last events", text, r"^ *\d+\.\d{6} cpu \d+ thread \d+: ", r"^tracing is on")
    has("DDB0007 memory and functions", text, r"^ffffffff80200000: [0-9a-f]{16}", r"^ffffffff80200000 \w+\+0x0|in no function")
    has("DDB0008 a pointer to nothing is said to be that", text, r"0x12345 is no map", r"^0+10: not mapped|0x8 is no object", r"0x8 is no port")
    has("DDB0009 an unknown command is said to be that", text, r"no command 'nonsense'")
    check(result.status == GOOD and re.search(r"^1\.\.\d+$", text, re.MULTILINE) and "not ok" not in text and not result.bad_lines(), "DDB0010 `continue`: the machine goes on as if nothing had been",
          f"status {result.status}\n{text[-3000:]}")


def without_option(folder: str) -> None:
    start = "all last bin/hello\n"
    result = boot("exit=1", archive=start_archive(folder, start), typed=ENTER + "exit\r")
    check(result.status == GOOD and "ddb:" not in result.text, "DDB0011 without ddb=1 the keys do nothing", result.text[-3000:])


def called(folder: str) -> None:
    with open(f"{folder}/called.cpio", "wb") as f:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=b"test-host-debug", stdout=f, check=True, cwd="build/programs")
    result = boot("ddb=1 init=test-host-debug exit=1", cpus=2, archive=f"{folder}/called.cpio", typed="cpus\rcontinue\r", after="stands still")
    has("DDB0014 host_reboot(HOST_REBOOT_DEBUGGER) enters it, and comes back", result.text, r"^ddb: CPU \d+, the machine stands still", r"^cpu 1: thread",
        r"^ok \d+ - HDBG0030 the kernel's debugger was entered")
    check(result.status == GOOD and not result.bad_lines(), "DDB0015 to a machine that goes on", f"status {result.status}\n{result.text[-3000:]}")


def panicked() -> None:
    result = boot("ddb=1 test=panic", typed="tasks\rcontinue\r", after="the machine has panicked")
    has("DDB0012 a panic shows the last events and enters the debugger", result.text, r"^the last events:", r"^ddb: the machine has panicked",
        r"^ffff\w+ 0 .* kernel$")
    check(result.status == PANICKED, "DDB0013 and ends when it is left", f"status {result.status}\n{result.text[-3000:]}")


def ask(path: str, *commands: str) -> str:
    """What gdb's helpers tell of the machine whose gdb server is at path; it goes on afterwards."""
    all_commands = ("set pagination off", f"target remote {path}", *commands, "detach")
    return subprocess.run(["gdb", "-nx", "-batch", "-x", "tools/gdb/meshach.py", *(f"-ex={c}" for c in all_commands), f"{KERNEL}64"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, stdin=subprocess.DEVNULL).stdout


def wait_for(so: Callable[[], bool]) -> None:
    for _ in range(300):
        if so():
            return
        time.sleep(0.3)


def helpers(folder: str) -> None:
    start = "first server servers/name\nall server servers/runner\nall last bin/counter-server\n"
    path = f"{folder}/gdb"
    machine = subprocess.Popen(["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "128", "-nodefaults", "-display", "none",
                                "-serial", f"file:{folder}/console", "-no-reboot", "-gdb", f"unix:{path},server=on,wait=off", "-kernel", KERNEL,
                                "-append", "exit=1", "-initrd", start_archive(folder, start)], stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: os.path.exists(f"{folder}/console") and "runner: ready" in open(f"{folder}/console", errors="replace").read())
        wait_for(lambda: "counter-server" in ask(path, "meshach-tasks") and "receive" in ask(path, "meshach-ports 1"))
        commands = ["meshach-tasks", "meshach-threads", "meshach-threads 1", "meshach-bt 2", "meshach-ports 1",
                    "meshach-map 1", "meshach-zones", "meshach-trace 20"]
        told = ask(path, *commands)
    finally:
        machine.kill()
        machine.wait()
    has("GDBH0001 meshach-tasks", told, r"^0xffff\w+ +0 .* kernel$", r"KB servers/bootstrap|KB .*bootstrap", r"runner", r"counter-server")
    has("GDBH0002 meshach-threads", told, r"^0xffff\w+ +2 +0 blocked .* reaper$", r"^0xffff\w+ +\d+ +1 blocked")
    has("GDBH0003 meshach-bt", told, r"^#\d +0x\w+ (waitq_block|reaper)", r"^#\d+ .*kernel/kern/thread\.c:\d+\)$")
    has("GDBH0004 meshach-ports", told, r"^ +0x\w+ .*receive.* refs 1 ", r"^ +0x\w+ send +refs")
    has("GDBH0005 meshach-map", told, r"^[0-9a-f]{12}-[0-9a-f]{12} r-x ", r"^[0-9a-f]{12}-[0-9a-f]{12} rw- ")
    has("GDBH0006 meshach-zones", told, r"^task +\d+ bytes +\d+ in use")
    has("GDBH0007 meshach-trace", told, r"^ +\d+\.\d{6} cpu \d thread \d+: (send|receive|switch)")
    check("Python Exception" not in told and "Error" not in told, "GDBH0008 no helper fails", told[-4000:])


with tempfile.TemporaryDirectory(prefix="meshach-ddb-") as temporary:
    console(temporary)
    without_option(temporary)
    called(temporary)
    panicked()
    helpers(temporary)
done()
