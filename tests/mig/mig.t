#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: what mig makes is what it made before (tests/mig/golden), and bad .defs get one clear line.

After a wanted change of the output: tests/mig/mig.t --bless, and read the difference before committing it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests/mig/golden"
MIG = ROOT / "tools/mig/mig"
count = 0
failed = 0


def check(good: bool, name: str, more: str = "") -> None:
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good and more:
        print("\n".join("# " + line for line in more.splitlines()[:30]))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(MIG), f"-I{ROOT}/include/idl", f"-I{ROOT}/include", *arguments], capture_output=True, text=True, check=False)


def golden(folder: Path) -> None:
    for name, flags in (("user", ["-classic"]), ("kernel", ["-kernel"])):
        out = folder / name
        done = run(*flags, "-outdir", str(out), str(ROOT / "tests/unit/mig/sample.defs"))
        check(done.returncode == 0, f"MIG0100 sample.defs, {name}", done.stderr)
        for path in sorted(out.iterdir()):
            wanted = GOLDEN / name / path.name
            if "--bless" in sys.argv:
                wanted.parent.mkdir(parents=True, exist_ok=True)
                wanted.write_text(path.read_text())
            same = wanted.exists() and wanted.read_text() == path.read_text()
            more = "" if same else subprocess.run(["diff", "-u", str(wanted), str(path)], capture_output=True,
                                                  text=True, check=False).stdout
            check(same, f"MIG0101 {name}/{path.name} is as before", more)


BAD = [
    ("routine f(p : mach_port_t);", "a routine before the subsystem statement"),
    ("subsystem s 1; subsystem t 2;", "a second subsystem"),
    ("subsystem s 1; routine f(a : int);", "the first argument must be the request port"),
    ("subsystem s 1; routine f(p : mach_port_t; a : nothing);", "unknown type 'nothing'"),
    ("subsystem s 1; routine f(p : mach_port_t; a : int; a : int);", "two arguments named a"),
    ("subsystem s 1; simpleroutine f(p : mach_port_t; out a : int);", "no out arguments"),
    ("subsystem s 1; type t = array[] of int; routine f(p : mach_port_t; a : t);", "needs a limit"),
    ("subsystem s 1; routine f(p : mach_port_t; inout a : mach_port_t);", "in or out, not both"),
    ("subsystem s 1; type t = c_string[*];", "c_string needs a length"),
    ("subsystem s 1; type t = array[*:4] of c_string[8];", "cannot be sent"),
    ("subsystem s 1; routine f(p : mach_port_t; a : int, FLAG);", "unknown flag 'flag'"),
    ("subsystem s 1; routine f(p : mach_port_t", "expected, 'end of file' found"),
    ("subsystem s 1; @", "unexpected character '@'"),
    ("type t = int;", "no subsystem statement"),
]


def refusals(folder: Path) -> None:
    path = folder / "bad.defs"
    for text, wanted in BAD:
        path.write_text(f"#include <mach/std_types.defs>\n{text}\n")
        done = run("-outdir", str(folder / "bad"), str(path))
        good = done.returncode == 1 and wanted in done.stderr and f"{path}:" in done.stderr and done.stderr.count("\n") == 1
        check(good and not (folder / "bad").exists(), f"MIG0102 refused: {wanted}", done.stderr)


def interfaces(folder: Path) -> None:
    """Each interface of the tree, compiled as a program sees it."""
    for path in sorted((ROOT / "include/idl").rglob("*.defs")):
        if path.stem.endswith("_types"):
            continue
        done = run("-classic", "-outdir", str(folder / path.stem), str(path))
        check(done.returncode == 0, f"MIG0103 {path.relative_to(ROOT / 'include/idl')}", done.stderr)


with tempfile.TemporaryDirectory() as temporary:
    golden(Path(temporary))
    refusals(Path(temporary))
    interfaces(Path(temporary))
print(f"1..{count}")
sys.exit(failed != 0)
