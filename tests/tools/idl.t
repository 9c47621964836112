#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: every routine of every .defs file is used by a test, and each error that it names is expected by a test that uses it.

It reads names, not what tests do: it finds calls that nobody tries, not tests that are weak. A routine that a test reaches under
another name is listed in OTHER_NAMES; what cannot be tried by a program, in EXEMPT, with the reason.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))
from report import check, done  # noqa: E402

FOLDERS = ("tests/programs", "tests/kernel", "tests/system", "tests/unit")

# What only a race or want of memory can make: unit tests make allocations fail, the stress tests race.
RARE = {"KERN_RESOURCE_SHORTAGE": "memory", "KERN_NO_SPACE": "memory", "D_NO_MEMORY": "memory",
        "KERN_TERMINATED": "a call on its way to an object that ends: its port is dead before and after"}

OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "host_calendar_changed": ("HOST_NOTIFY_CALENDAR_CHANGE",),
    "memory_object_data_initialize": ("default-pager", "default_pager"),
    "memory_object_data_discard": ("default-pager", "default_pager"),
    "device_write_request": ("default-pager", "default_pager"),
}

EXEMPT: dict[str, str] = {
    "mach_vm_msync KERN_ABORTED": "needs a pager that stands still: tests/kernel/pagers.t aborts such waits",
    "task_restartable_ranges_synchronize KERN_ABORTED": "the caller's abort while another thread comes to its boundary: some microseconds",
    "task_set_port_space KERN_ABORTED": "an abort in the middle of at most some megabytes: the same",
    "device_open D_DEVICE_DOWN": "a driver's answer",
    "device_write D_DEVICE_DOWN": "a driver's answer",
    "device_map D_DEVICE_DOWN": "a driver's answer",
}

ROUTINE = re.compile(r"/\*\*(?P<doc>.*?)\*/|/\*.*?\*/|\b(?:simple)?routine\s+(?P<name>\w+)\s*\(", re.DOTALL)
ERROR = re.compile(r"\b(?:KERN|MIG|D)_[A-Z_]+\b")


def routines(defs: Path) -> list[tuple[str, set[str]]]:
    """Each routine of a .defs file with the errors that its @errors names; those of one comment share them."""
    found, doc = [], ""
    for match in ROUTINE.finditer(defs.read_text()):
        if match["name"]:
            found.append((match["name"], set(ERROR.findall(doc.partition("@errors")[2]))))
        elif match["doc"]:
            doc = match["doc"]
    return found


def words(path: Path) -> set[str]:
    return set(re.findall(r"[\w-]+", path.read_text(errors="replace")))


def names_of(routine: str) -> set[str]:
    """How a test may name it: itself, without a leading _, as a message's id, or as listed above."""
    plain = routine.lstrip("_")
    return {routine, plain, plain.upper(), *OTHER_NAMES.get(routine, ())}


used = [words(path) for folder in FOLDERS for path in sorted(Path(folder).rglob("*")) if path.suffix in (".c", ".h", ".t", ".py")]
asked_for: set[str] = set()
for defs in sorted(Path("include/idl").rglob("*.defs")):
    untried = []
    for routine, errors in routines(defs):
        users = [w for w in used if w & names_of(routine)]
        if not users:
            untried.append(routine)
            continue
        for error in sorted(errors - set(RARE)):
            if not any(error in w for w in users):
                untried.append(f"{routine} {error}")
    asked_for.update(untried)
    wrong = [name for name in untried if name not in EXEMPT]
    check(not wrong, f"IDL0001 each routine of {defs} and each of its errors is tried", "\n".join(wrong))
stale = sorted(set(EXEMPT) - asked_for)
check(not stale, "IDL0002 nothing is exempt that need not be", "\n".join(stale))
done()
