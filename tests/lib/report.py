# SPDX-License-Identifier: BSD-2-Clause
"""TAP for tests in Python: check() each case, done() at the end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_count = 0
_failed = 0


def check(good: bool, name: str, detail: object = "") -> bool:
    """Report one case; detail is shown when it is not good."""
    global _count, _failed
    _count += 1
    print(f"{'ok' if good else 'not ok'} {_count} - {name}", flush=True)
    if not good:
        _failed += 1
        for line in str(detail).splitlines():
            print(f"# {line}", flush=True)
    return good


def skip(reason: str) -> None:
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def done() -> None:
    print(f"1..{_count}", flush=True)
    sys.exit(1 if _failed else 0)


os.chdir(ROOT)
sys.dont_write_bytecode = True
