#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the tests of a built tree through prove.

  tests/run.py [NAME]...   those whose path contains a NAME; without one, all

Tests are the programs under build/tests and the files tests/*/*.t. Each prints TAP; tests/tap.py runs it,
keeps its whole output in build/logs/tests, and holds it to its time. What boots virtual machines runs
alone (tests/rules.yml), the rest two at a time. What failed is shown after prove's summary.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAILED = Path("build/logs/failed")


def is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK) and path.suffix in ("", ".t")


def tests() -> list[str]:
    built = sorted(p for p in Path("build/tests").rglob("*") if is_program(p)) if Path("build/tests").is_dir() else []
    scripts = sorted(Path("tests").rglob("*.t"))
    booting = {"kernel": 1, "system": 2}
    scripts.sort(key=lambda p: (booting.get(p.parts[1], 0), str(p)))
    return [str(p) for p in built + scripts]


def main() -> int:
    os.chdir(ROOT)
    names = sys.argv[1:]
    chosen = [path for path in tests() if not names or any(name in path for name in names)]
    if not chosen:
        print("tests/run.py: no test has such a name" if names else "tests/run.py: there are no tests; build first",
              file=sys.stderr)
        return 1
    environment = dict(os.environ, HARNESS_RULESFILE="tests/rules.yml", CMOCKA_MESSAGE_OUTPUT="TAP", TAP_FAILED=str(FAILED))
    prove = ["prove", "--merge", "-j2", "--timer", "-e", f"{sys.executable} tests/tap.py", *chosen]
    shutil.rmtree(FAILED, ignore_errors=True)
    FAILED.mkdir(parents=True)
    status = subprocess.run(prove, env=environment).returncode
    for one in sorted(FAILED.iterdir()):
        print(f"\n{one.read_text().rstrip()}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
