#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the boot archive: a cpio file in newc form, the same bytes for the same input.

  boot/image/archive.py -o OUT [MANIFEST]... [NAME=FILE]... [-a ARCHIVE]

A manifest's lines: NAME FILE [MODE]; '#' begins a comment. NAME=FILE adds one file more; a later entry of a name
replaces an earlier one. -a: begin with the files of an existing archive.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

DEFAULT_MODE = 0o755
REGULAR = 0o100000
DIRECTORY = 0o040755


class ArchiveError(Exception):
    """What is wrong with the input."""


def manifest(path: Path) -> list[tuple[str, Path, int]]:
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) not in (2, 3):
            raise ArchiveError(f"{path}:{number}: NAME FILE [MODE] expected")
        found.append((words[0], Path(words[1]), int(words[2], 8) if len(words) == 3 else DEFAULT_MODE))
    return found


def record(inode: int, name: str, mode: int, data: bytes) -> bytes:
    """One entry: 110 bytes of hexadecimal fields, the name, the data, each padded to 4."""
    encoded = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(f"{field:08x}".encode() for field in fields) + encoded
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def read(path: Path) -> dict[str, tuple[int, bytes]]:
    """The regular files of an archive."""
    data, at = path.read_bytes(), 0
    files: dict[str, tuple[int, bytes]] = {}
    while True:
        if data[at:at + 6] != b"070701" or at + 110 > len(data):
            raise ArchiveError(f"{path}: not a whole cpio archive in newc form")
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + fields[11] - 1].decode()
        if name == "TRAILER!!!":
            return files
        begin = (at + 110 + fields[11] + 3) // 4 * 4
        if fields[1] & REGULAR:
            files[name] = (fields[1] & 0o777, data[begin:begin + fields[6]])
        at = (begin + fields[6] + 3) // 4 * 4


def archive(files: dict[str, tuple[int, bytes]]) -> bytes:
    folders = sorted({str(parent) for name in files for parent in Path(name).parents if str(parent) != "."})
    parts = [record(i, name, DIRECTORY, b"") for i, name in enumerate(folders, 1)]
    parts += [record(len(folders) + i, name, REGULAR | mode, data) for i, (name, (mode, data)) in enumerate(files.items(), 1)]
    parts.append(record(0, "TRAILER!!!", 0, b""))
    return b"".join(parts)


def main() -> int:
    p = argparse.ArgumentParser(description="Make a boot archive.")
    p.add_argument("-o", dest="out", required=True)
    p.add_argument("-a", dest="base", default=None)
    p.add_argument("inputs", nargs="*", metavar="MANIFEST or NAME=FILE")
    options = p.parse_args()
    try:
        files = read(Path(options.base)) if options.base else {}
        for given in options.inputs:
            name, equals, file = given.partition("=")
            entries = [(name, Path(file), DEFAULT_MODE)] if equals else manifest(Path(given))
            for entry, source, mode in entries:
                files[entry] = (mode, source.read_bytes())
        Path(options.out).write_bytes(archive(files))
    except (ArchiveError, OSError, ValueError) as error:
        print(f"archive.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
