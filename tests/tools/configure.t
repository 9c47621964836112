#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the front door's refusals and its runner's verdicts."""

import io
import os
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
os.chdir(ROOT)
sys.path.insert(0, str(ROOT))
sys.dont_write_bytecode = True
from tools.build import front  # noqa: E402

count = 0


def check(good: bool, name: str) -> None:
    global count
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - {name}")


def refusal(system: tuple[str, bool], have: set[str] | None, no_install: bool) -> str:
    front.system_name = lambda: system
    front.installed = lambda packages: set(packages) if have is None else have
    try:
        with redirect_stdout(io.StringIO()) as out:
            front.install("demo", yes=True, no_install=no_install)
    except front.Refused as refused:
        return out.getvalue() + str(refused)
    return ""


def verdict(script: str, suffix: str = ".t") -> tuple[int, str]:
    with tempfile.NamedTemporaryFile("w", dir="build", suffix=suffix, delete=False) as f:
        f.write("#!/bin/sh\n" + script)
    os.chmod(f.name, 0o755)
    try:
        done = subprocess.run([sys.executable, "tests/tap.py", os.path.relpath(f.name)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    finally:
        os.unlink(f.name)
    return done.returncode, done.stdout


Path("build").mkdir(exist_ok=True)
text = refusal(("Arch Linux", False), set(), False)
check("Debian 12" in text and "Arch Linux" in text and "\n" not in text, "CFG0001 another system gets one sentence")
text = refusal(("Debian GNU/Linux 12 (bookworm)", True), {"gcc"}, True)
check("qemu-system-x86 " in text and "apt-get install" in text, "CFG0002 --no-install names the packages and the line")
check(refusal(("Debian GNU/Linux 12 (bookworm)", True), None, True) == "", "CFG0003 nothing is asked when all is there")
check(subprocess.run(["./configure.py", "frobnicate"], stderr=subprocess.PIPE).returncode == 2,
      "CFG0004 an unknown command is refused")
check(subprocess.run(["./configure.py", "--check"]).returncode == 0, "CFG0005 build.ninja is fresh")

status, out = verdict("echo 'ok 1 - fine'; echo 1..1\n")
check(status == 0 and "ok 1 - fine" in out, "CFG0006 a passing test passes")
status, out = verdict("echo 'ok 1 - fine'; echo 1..1; echo words; exit 3\n")
check(status == 1 and "words" in out, "CFG0007 a bad exit status fails and shows the log")
status, out = verdict("echo no such device; exit 77\n")
check(status == 0 and "1..0 # SKIP no such device" in out, "CFG0008 exit 77 is a skip with its reason")
status, out = verdict("# Timeout: 1\nsleep 30\n")
check(status == 1 and "ended after its time of 1 s" in out, "CFG0009 a test over its time is ended and fails")
print(f"1..{count}")
