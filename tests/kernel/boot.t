#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the kernel boots on several processors, and says in one sentence why it cannot."""

import subprocess
import tempfile

from runner import STOPPED, boot, check, topic
from report import done


def refuses(name: str, sentence: str, status: int = STOPPED, **how: object) -> None:
    result = boot(**how)  # type: ignore[arg-type]
    said = [line for line in result.text.splitlines() if sentence in line]
    check(len(said) == 1 and result.status == status and not result.bad_lines(), f"{name}: {sentence}",
          f"status {result.status}\n{result.text}")


for cpu, cpus in (("max", 1), ("qemu64", 1), ("Haswell", 2), ("max", 4)):
    topic("wx", cpu=cpu, cpus=cpus)

with tempfile.TemporaryDirectory(prefix="meshach-k-") as folder:
    broken, empty = f"{folder}/broken", f"{folder}/empty.cpio"
    with open(broken, "wb") as f:
        f.write(b"this is no archive" * 100)
    subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], stdin=subprocess.DEVNULL, stdout=open(empty, "wb"), check=True)
    refuses("BOOT0001", "there is no boot archive")
    refuses("BOOT0002", "the boot archive is broken", archive=broken)
    refuses("BOOT0003", "the boot archive has no file 'servers/bootstrap'", archive=empty)
    refuses("BOOT0004", "of memory is too little: at least 24 MiB are needed", memory=16)
    refuses("BOOT0005", "unknown or bad option 'colour=red'", options="colour=red")
    refuses("BOOT0006", "unknown or bad option 'word'", options="init=x word")
    refuses("BOOT0007", "there is no test 'nonsense'", options="test=nonsense")
    refuses("BOOT0008", "this processor has no 64-bit (long) mode", status=3, cpu="qemu32")
    refuses("BOOT0009", "this processor cannot forbid execution of pages (NX)", status=3, cpu="qemu64,-nx")
done()
