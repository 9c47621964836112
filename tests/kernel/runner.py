# SPDX-License-Identifier: BSD-2-Clause
"""Boots the kernel in QEMU for a test and judges what it prints.

topic(NAME) boots `test=NAME` (a KTEST of the kernel) and reports each of its TAP lines as a case of ours;
program(NAME) does so with a program for nodes. A line that begins WARN:, PANIC: or LOCK-ORDER: fails a test that does not
ask for it, and so does a wrong exit status or an overrun of the time limit.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from report import check  # noqa: E402

KERNEL = "build/debug/meshach.elf"
GOOD = 1       # QEMU's status after machine_exit(0)
PANICKED = 3   # after a panic
STOPPED = 5    # after boot_stop()
BAD_LINE = re.compile(r"^(WARN|PANIC|LOCK-ORDER):", re.MULTILINE)
CASE = re.compile(r"^(not )?ok \d+ - (.*)$", re.MULTILINE)
PLAN = re.compile(r"^1\.\.(\d+)$", re.MULTILINE)


@dataclass
class Boot:
    """One boot: QEMU's exit status (-1: it ran over its time) and the console."""

    status: int
    text: str

    def bad_lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if BAD_LINE.match(line)]


def command_line(options: str, cpus: int, cpu: str, memory: int, archive: str | None, more: tuple[str, ...], kernel: str = KERNEL) -> list[str]:
    """QEMU's, for the kernel with these options."""
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", cpu, "-smp", f"cpus={cpus},maxcpus={max(cpus, 2)}", "-m", str(memory), "-nodefaults",
               "-display", "none", "-serial", "stdio", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
               "-kernel", kernel, "-append", options, *more]
    if archive is not None:
        command += ["-initrd", archive]
    return command


def boot(options: str = "", *, cpus: int = 1, cpu: str = "max", memory: int = 128, archive: str | None = None,
         seconds: float = 90, typed: str = "", after: str = "", more: tuple[str, ...] = (),
         kernel: str = KERNEL) -> Boot:
    """Boot the kernel (with KASSERT unless told) with a command line; no network, console captured. typed: its input, once it has said
    after."""
    command = command_line(options, cpus, cpu, memory, archive, more, kernel)
    if after:
        return watched(command, typed, after, seconds)
    try:
        done = subprocess.run(command, input=typed.encode(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=seconds, check=False)
        status, raw = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        status, raw = -1, late.stdout or b""
    return Boot(status, raw.decode(errors="replace").replace("\r", ""))


def watched(command: list[str], typed: str, after: str, seconds: float) -> Boot:
    """As boot(), with the console looked at as it comes."""
    raw, typing, until = b"", typed.encode(), time.monotonic() + seconds
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0) as machine:
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([machine.stdout], [], [], left)
            more = os.read(machine.stdout.fileno(), 65536) if ready else b""
            if ready and not more:
                return Boot(machine.wait(), raw.decode(errors="replace").replace("\r", ""))
            raw += more
            if typing and after.encode() in raw:
                machine.stdin.write(typing)
                typing = b""
        machine.kill()
    return Boot(-1, raw.decode(errors="replace").replace("\r", ""))


# Rules of QEMU's blkdebug: sector 100 can be neither read nor written.
BAD_READ = "".join(f"inject-error.{i}.event={event},inject-error.{i}.errno=5,inject-error.{i}.sector=100,inject-error.{i}.once=off,"
                   for i, event in enumerate(("read_aio", "write_aio")))


# Sector 100 cannot be read, sector 900 not be written.
BAD_BLOCKS = "".join(f"inject-error.{i}.event={event},inject-error.{i}.errno=5,inject-error.{i}.sector={sector},inject-error.{i}.once=off,"
                     for i, (event, sector) in enumerate((("read_aio", 100), ("write_aio", 900))))


def disk(path: str, number: int, *, read_only: bool = False, faults: str = "") -> tuple[str, ...]:
    """QEMU's options for a raw image as virtio disk; what `more` of boot() takes. faults: BAD_READ or none; then QEMU does not put
    requests for blocks that follow each other together, which would all fail with one of them."""
    drive = f"if=none,id=disk{number},cache=unsafe,format=raw,read-only={'on' if read_only else 'off'},"
    if faults:
        drive += f"driver=raw,file.driver=blkdebug,{''.join('file.' + rule + ',' for rule in faults.split(',') if rule)}file.image.driver=file,file.image.filename={path}"
        drive = drive.replace("format=raw,", "")
    else:
        drive += f"file={path}"
    alone = ",request-merging=off" if faults else ""
    return ("-drive", drive, "-device", f"virtio-blk-pci,drive=disk{number},rerror=report,werror=report,disable-legacy=on{alone}")


def swap_image(path: str, mib: int) -> None:
    """Make an image that the default pager uses: its first page begins so (pager/default/store.h)."""
    with open(path, "wb") as f:
        f.write(b"Meshach swap 1\n")
        f.truncate(mib << 20)


def start_archive(folder: str, start: str, *more: str) -> str:
    """The boot archive with this etc/start and NAME=FILE more; its path, in folder."""
    with open(f"{folder}/start", "w") as f:
        f.write(start)
    subprocess.run(["boot/image/archive.py", "-o", f"{folder}/test.cpio", "-a", "build/boot.cpio",
                    f"etc/start={folder}/start", *more], check=True)
    return f"{folder}/test.cpio"


def judge(name: str, result: Boot, where: str) -> None:
    """The TAP cases of a boot become ours, and it must have run to its end."""
    cases = CASE.findall(result.text)
    for bad, text in cases:
        check(not bad, f"{text} [{where}]", "" if not bad else result.text[-2000:])
    plan = PLAN.search(result.text)
    whole = plan is not None and int(plan.group(1)) == len(cases) and result.status == GOOD
    check(whole and not result.bad_lines(), f"{name} ran to its end and the kernel complained of nothing [{where}]",
          f"status {result.status}\n{result.text[-3000:]}")


def topic(name: str, *, cpus: int = 1, cpu: str = "max", machine: Callable[..., Boot] = boot, **how: object) -> None:
    """Run the kernel's test of that name; machine: boot, or bochs.boot."""
    result = machine(f"test={name}", cpus=cpus, cpu=cpu, **how)
    judge(name, result, f"{cpu}, {cpus} CPU{'s' if cpus > 1 else ''}")


def program(name: str, *, cpus: int = 1, options: str = "", files: dict[str, str] | None = None,
            machine: Callable[..., Boot] = boot, **how: object) -> Boot:
    """Run build/programs/NAME as the first and only task; it prints TAP and exits 0 if all is well. options: of the boot, more;
    files: what the archive holds beside it, and the text of each."""
    with tempfile.TemporaryDirectory(prefix="meshach-k-") as folder:
        archive = f"{folder}/archive.cpio"
        with open(archive, "wb") as f:
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], input=name.encode(), stdout=f, check=True,
                           cwd="build/programs")
        if files:
            for path, text in files.items():
                Path(folder, path).write_text(text)
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet", "--append", "-F", archive], input="\n".join(files).encode(),
                           check=True, cwd=folder)
        result = machine(f"init={name} exit=1 {options}", cpus=cpus, archive=archive, **how)
    judge(name, result, f"{cpus} CPU{'s' if cpus > 1 else ''}{', ' + options if options else ''}")
    return result


def panics(name: str, sentence: str, *functions: str) -> None:
    """The test of that name panics: with this sentence, a backtrace through these functions, and a failure."""
    result = boot(f"test={name}")
    check(f"PANIC: {sentence}" in result.text, f"{name}: the panic says '{sentence}'", result.text[-3000:])
    calls = re.findall(r"^  [0-9a-f]{16} (\w+)[\w.]*\+0x[0-9a-f]+$", result.text.partition("backtrace:")[2], re.MULTILINE)
    remaining = iter(calls)
    check(bool(calls) and all(any(f == c for c in remaining) for f in functions),
          f"{name}: the backtrace passes {', '.join(functions)}", f"{calls}\n{result.text[-3000:]}")
    check(re.search(r"^cr0 [0-9a-f]{16} cr2 ", result.text, re.MULTILINE) is not None, f"{name}: registers are shown",
          result.text[-3000:])
    check(result.status == PANICKED and len(result.bad_lines()) == 1, f"{name}: QEMU ends with status {PANICKED}",
          f"status {result.status}\n{result.text[-3000:]}")
