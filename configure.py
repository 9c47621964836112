#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""configure.py - Meshach's front door.

  ./configure.py          write build.ninja (only if it changed)
  ./configure.py --check  exit 1 if the committed build.ninja is stale
  ./configure.py demo     boot a cluster of three nodes and call from one to another
  ./configure.py test     build and run all tests
  ./configure.py bench    measure, beside Linux

demo, test and bench install the Debian packages they want (--yes: without asking; --no-install: never).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True

from tools.build import bench, cluster, front, hosted, kernel, mig, netipc, systest, unit, user  # noqa: E402
from tools.build.ninja import Writer  # noqa: E402


def ninja_text() -> str:
    n = Writer()
    n.lines.append("# Written by configure.py from the tables in tools/build; do not edit.")
    n.variable("ninja_required_version", "1.8")
    n.variable("builddir", "build")
    n.rule("configure", "./configure.py", "CONFIGURE", generator="1", restat="1")
    n.build("build.ninja", "configure",
            implicit=["configure.py", *sorted(f"tools/build/{p.name}" for p in (ROOT / "tools/build").glob("*.py"))])
    generated = mig.emit(n)
    # One a line, so that changes merge.
    targets = kernel.emit(n, generated)
    targets += cluster.emit(n, generated)
    targets += unit.emit(n, generated)
    targets += mig.emit_tests(n, generated)
    targets += netipc.emit(n, generated)
    targets += user.emit(n, generated)
    targets += bench.emit(n, "build/libmach.a", generated)
    targets += systest.emit(n, "build/libmach.a", generated)
    targets += cluster.emit_tests(n, generated)
    targets += hosted.emit(n, generated)
    n.comment("for editors")
    n.rule("compdb", "ninja -t compdb > $out", "COMPDB")
    targets.append(n.build("compile_commands.json", "compdb", implicit=["build.ninja"]))
    n.comment("system: what runs; all: and its tests, which want more packages")
    n.build("system", "phony", [target for target in targets if not target.startswith("build/tests/")])
    n.build("all", "phony", ["system", *(target for target in targets if target.startswith("build/tests/"))])
    n.comment("ninja test: all tests, as ./configure.py test runs them")
    n.rule("run_tests", "python3 tests/run.py", "TEST", pool="console")
    n.build("test", "run_tests", implicit=["all"])
    n.lines += ["", "default all"]
    return n.text()


def configure() -> None:
    path = ROOT / "build.ninja"
    text = ninja_text()
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main() -> int:
    os.chdir(ROOT)
    arguments = sys.argv[1:]
    if arguments == ["--check"]:
        path = ROOT / "build.ninja"
        stale = not path.exists() or path.read_text() != ninja_text()
        if stale:
            print("build.ninja is stale: run ./configure.py and commit it", file=sys.stderr)
        return int(stale)
    if arguments:
        return front.main(arguments, configure)
    configure()
    return 0


if __name__ == "__main__":
    sys.exit(main())
