#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sum up what the plugin pages.so wrote, by function.

  bench/profile/functions.py OUT ELF...

Prints, per window: instructions, blocks and missed look-ups of each function, and touches of the kernel's variables, the most first; with --order only their names.
"""

from __future__ import annotations

import bisect
import subprocess
import sys
from collections import defaultdict


def symbols(path: str) -> list[tuple[int, str]]:
    found = []
    for line in subprocess.run(["nm", "-n", path], capture_output=True, text=True, check=True).stdout.splitlines():
        fields = line.split()
        if len(fields) == 3:
            found.append((int(fields[0], 16), fields[2]))
    return found


def main() -> int:
    names = [word for word in sys.argv[1:] if word != "--order"]
    table = sorted(pair for elf in names[1:] for pair in symbols(elf))
    addresses = [address for address, _ in table]
    instructions: dict[str, float] = defaultdict(float)
    blocks: dict[str, float] = defaultdict(float)
    misses: dict[str, float] = defaultdict(float)
    variables: dict[str, float] = defaultdict(float)
    for line in open(names[0]):
        fields = line.split()
        if not fields or fields[0] not in ("block", "word"):
            continue
        at = bisect.bisect_right(addresses, int(fields[1], 16)) - 1
        name = table[at][1] if at >= 0 else fields[1]
        if fields[0] == "word":
            variables[name] += float(fields[2])
            continue
        blocks[name] += float(fields[2])
        instructions[name] += float(fields[2]) * float(fields[4])
        misses[name] += float(fields[6])
    order = sorted(instructions, key=lambda name: -instructions[name])
    if "--order" in sys.argv:
        print("\n".join(order))
        return 0
    for name in order:
        print(f"{instructions[name]:8.1f} {blocks[name]:7.1f} {misses[name]:6.1f}  {name}")
    print("\ntouches of the kernel's variables")
    for name in sorted(variables, key=lambda name: -variables[name]):
        print(f"{variables[name]:8.1f}  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
