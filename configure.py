#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""configure.py - Meshach's front door.

  ./configure.py          write build.ninja (only if it changed)
  ./configure.py --check  exit 1 if the committed build.ninja is stale
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True

from tools.build import kernel, unit  # noqa: E402
from tools.build.ninja import Writer  # noqa: E402


def ninja_text() -> str:
    n = Writer()
    n.lines.append("# Written by configure.py from the tables in tools/build; do not edit.")
    n.variable("ninja_required_version", "1.8")
    n.variable("builddir", "build")
    n.rule("configure", "./configure.py", "CONFIGURE", generator="1", restat="1")
    n.build("build.ninja", "configure",
            implicit=["configure.py", *sorted(f"tools/build/{p.name}" for p in (ROOT / "tools/build").glob("*.py"))])
    generated: list[str] = []
    targets = kernel.emit(n, generated) + unit.emit(n, generated)
    n.build("all", "phony", targets)
    n.lines += ["", "default all"]
    return n.text()


def main() -> int:
    path = ROOT / "build.ninja"
    text = ninja_text()
    stale = not path.exists() or path.read_text() != text
    if "--check" in sys.argv[1:]:
        if stale:
            print("build.ninja is stale: run ./configure.py and commit it", file=sys.stderr)
        return int(stale)
    if stale:
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
