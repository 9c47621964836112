#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: devices by message: disks are opened, read and written, device memory is mapped, and the errors are the right ones.

Timeout: 200
"""

import struct
import tempfile

from runner import BAD_READ, disk, program
from report import check, done



def number(path: str) -> None:
    """Make an image of 8 MiB whose sectors hold their numbers."""
    with open(path, "wb") as f:
        for sector in range(8 << 11):
            f.write(struct.pack("<I", sector).ljust(512, b"\xa5"))


with tempfile.TemporaryDirectory(prefix="meshach-d-") as folder:
    path = f"{folder}/numbered"
    number(path)
    for name in ("fixed", "bad"):
        with open(f"{folder}/{name}", "wb") as f:
            f.truncate(1 << 20)
    disks = (*disk(path, 0), *disk(f"{folder}/fixed", 1, read_only=True), *disk(f"{folder}/bad", 2, faults=BAD_READ))
    program("tests/device_calls", more=disks)
    with open(path, "rb") as f:
        f.seek(2000 * 512)
        check(f.read(8) == struct.pack("<II", 1, (4 * 2654435761 + 1) & 0xffffffff), "DEVC0061 what was written is in the image")
    number(path)
    program("tests/device_calls", cpus=2, more=disks)
    program("tests/device_memory", cpus=2, more=(*disk(path, 0), "-device", "bochs-display"))
done()
