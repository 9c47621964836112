#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: default pagers that die, hang and lie while memory is short, and disks that cannot be read or vanish under them.

Timeout: 900
"""

import os
import signal
import socket
import subprocess
import tempfile
import threading

from runner import BAD_BLOCKS, Boot, boot, command_line, disk, judge, start_archive, swap_image
from report import done

MEMORY = 80


def archive(folder: str, what: str) -> str:
    return start_archive(folder, f"all control bin/test {what}\n", "bin/test=build/stripped/test-paging-failures")


def failure(folder: str, what: str, name: str, *, cpus: int = 1, options: str = "", faults: str = "") -> None:
    swap_image(f"{folder}/swap", 128)
    result = boot(f"exit=1 {options}", cpus=cpus, memory=MEMORY, archive=archive(folder, what), seconds=400,
                  more=disk(f"{folder}/swap", 0, faults=faults))
    judge(name, result, f"{MEMORY} MiB, {cpus} CPU{'s' if cpus > 1 else ''}")


def vanishes(folder: str) -> None:
    """QEMU's monitor takes the first disk away when the program says so."""
    for n in range(2):
        swap_image(f"{folder}/swap{n}", 96)
    path = f"{folder}/monitor"
    command = command_line("exit=1", 1, "max", MEMORY, archive(folder, "vanishes"),
                           (*disk(f"{folder}/swap0", 0), *disk(f"{folder}/swap1", 1), "-monitor", f"unix:{path},server=on,wait=off"))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as qemu:
        late = threading.Timer(400, lambda: os.kill(qemu.pid, signal.SIGKILL))
        late.start()
        text = ""
        for raw in qemu.stdout or ():
            line = raw.decode(errors="replace").replace("\r", "")
            text += line
            if line.startswith("# now"):
                with socket.socket(socket.AF_UNIX) as monitor:
                    monitor.connect(path)
                    monitor.sendall(b"drive_del disk0\n")
                    said = b""
                    while said.count(b"(qemu)") < 2 and (got := monitor.recv(4096)):  # its prompt, before and after
                        said += got
        late.cancel()
    judge("a disk that vanishes", Boot(qemu.returncode, text), f"{MEMORY} MiB, 1 CPU")


with tempfile.TemporaryDirectory(prefix="meshach-f-") as temporary:
    failure(temporary, "dies", "a default pager that dies", cpus=2)
    failure(temporary, "hangs", "a default pager that hangs", options="pager.timeout_ms=8000")
    failure(temporary, "lies", "default pagers that lie", cpus=2, options="pager.timeout_ms=4000")
    failure(temporary, "reads", "blocks that cannot be read or written", faults=BAD_BLOCKS)
    failure(temporary, "external", "a pager that takes nothing back")
    failure(temporary, "caches", "what is kept for nobody")
    vanishes(temporary)
done()
