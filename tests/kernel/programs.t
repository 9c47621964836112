#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: programs of the boot archive run: the kernel starts the first task, that starts the others by messages,
and they find each other by name.

Timeout: 300
"""

import subprocess
import tempfile

from runner import CASE, GOOD, PLAN, Boot, boot, start_archive as archive
from report import check, done


FAILED = 3  # QEMU's status after machine_exit(1): what the first task said


def expect(name: str, result: Boot, status: int, *sentences: str) -> None:
    said = all(sentence in result.text for sentence in sentences)
    check(said and result.status == status and not result.bad_lines(), name, f"status {result.status}\n{result.text}")


def unmodified_program(folder: str) -> None:
    """A static musl program that knows nothing of Mach."""
    with open(f"{folder}/plain.c", "w") as f:
        f.write('#include <stdio.h>\nint main(int argc, char **argv) { printf("plain %d %s\\n", argc, argv[0]); return 0; }\n')
    subprocess.run(["musl-gcc", "-static", f"{folder}/plain.c", "-o", f"{folder}/plain"], check=True)
    image = archive(folder, "", f"bin/plain={folder}/plain")
    expect("PRG0002 an unmodified static musl program prints", boot("init=bin/plain exit=1", archive=image), GOOD,
           "plain 1 bin/plain")


def program(name: str, folder: str, cpus: int, before: str = "") -> None:
    """A test program of tests/programs, run by the bootstrap server: its cases become ours."""
    servers = f"first server servers/name\nall server servers/runner\n{before}all last bin/test\n"
    result = boot("exit=1", cpus=cpus, archive=archive(folder, servers, f"bin/test=build/stripped/{name}"))
    cases = CASE.findall(result.text)
    for bad, text in cases:
        check(not bad, f"{text} [{cpus} CPU]", "" if not bad else result.text)
    plan = PLAN.search(result.text)
    check(plan is not None and int(plan.group(1)) == len(cases) and result.status == GOOD and not result.bad_lines(),
          f"{name} ran to its end [{cpus} CPU]", f"status {result.status}\n{result.text[-3000:]}")


with tempfile.TemporaryDirectory(prefix="meshach-p-") as temporary:
    expect("PRG0001 the first task calls the kernel by message", boot("init=bin/hello exit=1", archive="build/boot.cpio"),
           GOOD, "Hello from node 0.0.0.0: 1 CPUs")
    unmodified_program(temporary)
    expect("PRG0003 the bootstrap server starts a program and ends with it",
           boot("exit=1", archive=archive(temporary, "all last bin/hello\n")), GOOD, "Hello from node")
    counters = "first server servers/name\nall server servers/runner\nall once bin/counter-server\nall last bin/counter 5 1000\n"
    expect("PRG0004 a client finds a server by its name and calls it 1000 times",
           boot("exit=1", archive=archive(temporary, counters)), GOOD, "counter: 5000\n")
    expect("PRG0005 the same on two processors", boot("exit=1", cpus=2, archive=archive(temporary, counters)), GOOD,
           "counter: 5000\n")
    expect("PRG0006 a bad line of etc/start is named", boot("exit=1", archive=archive(temporary, "all now bin/hello\n")),
           FAILED, "etc/start:1: WHERE HOW PATH")
    expect("PRG0007 a file that is not there is named", boot("exit=1", archive=archive(
        temporary, "all once bin/none\nall last bin/hello\n")), GOOD, "the boot archive has no file 'bin/none'")
    debugged = "all last bin/mdb bin/hello break=rip+3 cont regs mem=rip,4 step=2 watch=rsp-8 cont\n"
    for cpus in (1, 2):
        expect(f"PRG0008 the debugger stops a program, steps it and lets it run to its end [{cpus} CPU]",
               boot("exit=1", cpus=cpus, archive=archive(temporary, debugged, "bin/mdb=build/stripped/mdb")), GOOD,
               "stopped: breakpoint at 0x4", "rflags", "stopped: step, at 0x4", "stopped: watchpoint")
    for cpus in (1, 2):
        program("test-exceptions", temporary, cpus)
        program("test-servers", temporary, cpus)
        program("test-aborts", temporary, cpus)
        program("test-linux", temporary, cpus)
        program("test-mig", temporary, cpus, "all once bin/test server\n")
done()
