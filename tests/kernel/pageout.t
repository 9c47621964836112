#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: tasks with several times the machine's memory: paged out to a disk and back with every byte right.

Timeout: 800
"""

import tempfile

from runner import boot, disk, judge, start_archive, swap_image
from report import done

START = "all control servers/default-pager\nall last bin/test {}\n"


def pressure(folder: str, arguments: str, *, memory: int, swap: int, cpus: int, name: str) -> None:
    if swap:
        swap_image(f"{folder}/swap", swap)
    archive = start_archive(folder, START.format(arguments), "bin/test=build/stripped/test-pressure")
    result = boot("exit=1 pager.timeout_ms=240000", cpus=cpus, memory=memory, archive=archive, seconds=600, more=disk(f"{folder}/swap", 0) if swap else ())
    judge(name, result, f"{memory} MiB, {cpus} CPU{'s' if cpus > 1 else ''}")


def calls(folder: str) -> None:
    swap_image(f"{folder}/swap", 16)
    with open(f"{folder}/plain", "wb") as f:
        f.truncate(4 << 20)
    archive = start_archive(folder, "all control servers/default-pager\nall control bin/test\n",
                            "bin/test=build/stripped/test-default-pager-calls")
    result = boot("exit=1", archive=archive, seconds=120, more=(*disk(f"{folder}/swap", 0), *disk(f"{folder}/plain", 1)))
    judge("the calls of the default pager", result, "128 MiB, 1 CPU")


with tempfile.TemporaryDirectory(prefix="meshach-s-") as temporary:
    calls(temporary)
    pressure(temporary, "run 170", memory=64, swap=384, cpus=1, name="three times its memory")
    pressure(temporary, "run 100", memory=64, swap=256, cpus=2, name="paging on two processors")
    for cpus in (1, 2):
        pressure(temporary, "full 160", memory=64, swap=24, cpus=cpus, name="memory and swap full")
        pressure(temporary, "none 90", memory=64, swap=0, cpus=cpus, name="memory full and no swap")
    pressure(temporary, "one 100", memory=64, swap=256, cpus=4, name="paging on four processors")
    pressure(temporary, "generations 60", memory=64, swap=256, cpus=1, name="a thousand generations")
done()
