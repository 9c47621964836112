#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ksyms.py KERNEL.elf OUT.S - the kernel's table of function names (kernel/kern/symbols.c), from its first link."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def functions(elf: str) -> list[tuple[int, str]]:
    """Sorted (address, name) of the text symbols in the upper half; one name an address."""
    found: dict[int, str] = {}
    out = subprocess.run(["nm", "--defined-only", elf], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        address, kind, name = line.split()
        if kind in "tTwW" and int(address, 16) >= 0xFFFFFFFF80000000 and not name.startswith(".L"):
            found.setdefault(int(address, 16), name)
    return sorted(found.items())


def main() -> int:
    elf, out = sys.argv[1:]
    table = functions(elf)
    lines = ["/* Written by tools/ksyms.py. */", '\t.section .ksyms, "a"', "\t.balign 16",
             "\t.global kernel_symbols, kernel_symbol_count, kernel_symbol_names", "kernel_symbols:"]
    names, offset = [], 0
    for i, (address, name) in enumerate(table):
        end = table[i + 1][0] if i + 1 < len(table) else address + 4096
        lines.append(f"\t.quad {address:#x}\n\t.long {end - address}, {offset}")
        names.append(f'\t.asciz "{name}"')
        offset += len(name) + 1
    lines += ["kernel_symbol_count:", f"\t.long {len(table)}", "kernel_symbol_names:", *names,
              '\t.section .note.GNU-stack, "", @progbits']
    Path(out).write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
