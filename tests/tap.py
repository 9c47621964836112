#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs one test for prove: tests/tap.py FILE.

Its output goes whole to build/logs/tests/NAME.log, and its TAP lines to prove. Exit 77 means skipped. A test
that runs over its time (600 s, or `Timeout: N` in the first 30 lines of a script) is killed with all it started.
When it fails, its failed cases and the end of its log follow as TAP comments, and go to a file in the folder TAP_FAILED of the
environment, if it is set.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

DEFAULT_SECONDS = 600
TAIL_LINES = 40
CASE_LINES = 40  # of what a failed case says
TAP = re.compile(r"^(ok|not ok|1\.\.|Bail out!|TAP version|\s+(ok|not ok|1\.\.))")


def time_limit(test: Path) -> int:
    if test.suffix != ".t":
        return DEFAULT_SECONDS
    head = test.read_text(errors="replace").splitlines()[:30]
    found = [int(m.group(1)) for line in head if (m := re.search(r"Timeout: (\d+)", line))]
    return found[0] if found else DEFAULT_SECONDS


def command(test: Path) -> list[str]:
    return [str(test.resolve())]


def failures(lines: list[str]) -> list[str]:
    """Each failed case with what it says, and the end of the log where that is not in them."""
    shown, room = [], 0
    for line in lines:
        if line.startswith("not ok"):
            room = CASE_LINES
        elif line.startswith("ok "):
            room = 0
        if room > 0:
            shown.append(line[:400])
            room -= 1
    return shown + [line[:400] for line in lines[-TAIL_LINES:] if not TAP.match(line) and line[:400] not in shown]


def main() -> int:
    test = Path(sys.argv[1])
    log = Path("build/logs/tests") / (str(test).removeprefix("build/tests/").removeprefix("tests/").replace("/", "-") + ".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    limit = time_limit(test)
    failed, planned = False, False
    failed_folder = os.environ.pop("TAP_FAILED", None)  # not for what the test starts
    with open(log, "wb") as out:
        try:
            child = subprocess.Popen(command(test), stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                     start_new_session=True)
        except OSError as error:
            print(f"Bail out! {test}: {error}")
            return 1
        try:
            status = child.wait(limit)
        except subprocess.TimeoutExpired:
            status = -1
            out.write(f"\nnot ok - ended after its time of {limit} s\n".encode())
        finally:
            # Whatever the test left running goes with it.
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
    lines = log.read_text(errors="replace").splitlines()
    for line in lines:
        if TAP.match(line):
            print(line)
            failed |= line.startswith("not ok") and "# TODO" not in line and "# SKIP" not in line.upper()
            planned |= line.startswith("1..")
    if status == 77:
        if not planned:
            reason = next((line for line in reversed(lines) if line.strip()), "cannot run here")
            print(f"1..0 # SKIP {reason.lstrip('# ')}")
        return 0
    if failed or status:
        shown = [f"{test}: exit status {status}; the whole of it is in {log}", *failures(lines)]
        print("".join(f"# {line}\n" for line in shown), end="")
        if failed_folder:
            (Path(failed_folder) / log.stem).write_text("".join(f"{line}\n" for line in shown))
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
