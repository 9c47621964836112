# SPDX-License-Identifier: BSD-2-Clause
"""Emits a manual page of an interface: each routine's C prototype, what it does and its errors, from the .defs comments.

A documentation comment (/** ... */) stands before the routine; after `@errors` come the results, apart by ';',
each a name and, if it needs them, words.
"""

from __future__ import annotations

import re

from .emit import parameters
from .model import Routine, Subsystem


def escape(text: str) -> str:
    return re.sub(r"^([.'])", r"\\&\1", text.replace("\\", "\\e").replace("-", "\\-"), flags=re.MULTILINE)


def parts(doc: str) -> tuple[str, list[tuple[str, str]]]:
    """The description, and the errors as (names, words)."""
    text, _, errors = doc.partition("@errors")
    found = []
    for entry in filter(None, (e.strip() for e in " ".join(errors.split()).split(";"))):
        match = re.match(r"((?:[A-Z][A-Z0-9_]+(?:, )?)+)\s*(.*)", entry)
        found.append((match.group(1), match.group(2)) if match else ("", entry))
    return " ".join(text.split()), found


def routine_page(routine: Routine, base: int) -> list[str]:
    text, errors = parts(routine.doc)
    name = routine.user_prefix + routine.name
    lines = [f'.SS {name}', ".nf", f".BI \"kern_return_t {name}(\"",
             *[f'.BI "    {escape(p)}{"," if i + 1 < len(parameters(routine, False, False)) else ")"}"'
               for i, p in enumerate(parameters(routine, False, False))], ".fi", ".PP"]
    lines.append(escape(text) or "As the routine before.")
    lines.append(f"(Message {base + routine.number}{', no reply' if routine.simple else ''}.)")
    if errors:
        told = [f"\\fB{names}\\fR {escape(words)}".strip() if names else escape(words) for names, words in errors]
        lines += [".PP", "Errors: " + "; ".join(told) + "."]
    return lines


def page(subsystem: Subsystem, source: str) -> str:
    lines = [f'.\\" Made by mig from {source}; do not edit.', f'.TH {subsystem.name.upper()} 3 "" Meshach',
             ".SH NAME", f"{subsystem.name} \\- the interface {subsystem.name}, messages {subsystem.base} to "
             f"{subsystem.base + subsystem.end - 1}", ".SH ROUTINES"]
    for routine in subsystem.routines:
        lines += routine_page(routine, subsystem.base)
    lines += [".SH RESULTS", "KERN_SUCCESS, the errors above, and of every call: MACH_SEND_* and MACH_RCV_* of mach_msg, MIG_BAD_ID",
              "(the server has no such routine), MIG_BAD_ARGUMENTS, MIG_SERVER_DIED."]
    return "\n".join(lines) + "\n"
