# SPDX-License-Identifier: BSD-2-Clause
"""Emits the constant table that the shared checker reads."""

from __future__ import annotations

from .emit import HEAD
from .layout import Message, reply_of, request_of
from .model import Routine, Subsystem

KINDS = {"port": "MACH_MSG_PORT_DESCRIPTOR", "memory": "MACH_MSG_OOL_DESCRIPTOR",
         "ports": "MACH_MSG_OOL_PORTS_DESCRIPTOR"}


def message_table(name: str, message: Message) -> tuple[list[str], str]:
    """The arrays a layout points to, and the layout's initialiser."""
    lines: list[str] = []
    descriptors = variables = "NULL"
    if message.descriptors:
        descriptors = f"{name}_descriptors"
        lines.append(f"static const struct mig_descriptor {descriptors}[] = {{")
        for argument in message.descriptors:
            kind = argument.type
            disposition = max(kind.received, 0)
            lines.append(f"\t{{ {KINDS[kind.kind]}, {disposition}, {int(kind.fixed and kind.kind != 'port')}, "
                         f"{kind.size if kind.kind == 'memory' else 0}, {kind.count} }},")
        lines.append("};")
    checked = [a for a in message.fields if a.argument is not None and not a.is_pad
               and (a.argument.type.kind == "string" or (a.is_count and a.argument in message.variables))]
    if checked:
        variables = f"{name}_variables"
        lines.append(f"static const struct mig_variable {variables}[] = {{")
        for member in checked:
            assert member.argument is not None
            kind = member.argument.type
            what = ("MIG_FIXED_STRING" if kind.fixed else "MIG_STRING") if kind.kind == "string" else "MIG_ARRAY"
            lines.append(f"\t{{ {what}, {member.offset}, {kind.size}, {kind.count} }},")
        lines.append("};")
    return lines, (f"{{ {message.fixed_size}, {message.max_size}, {len(message.descriptors)}, {len(checked)}, "
                   f"{descriptors}, {variables} }}")


def flags(routine: Routine) -> str:
    words = []
    if routine.simple:
        words.append("MIG_SIMPLE")
    reply = routine.one("replyport", "sreplyport")
    if reply:
        words.append("MIG_TAKES_REPLY")
        if reply.type.received == 18:
            words.append("MIG_REPLY_ONCE")
    return " | ".join(words) or "0"


def table(subsystem: Subsystem, source: str) -> str:
    lines = [HEAD.format(source=source), "#include <mach/mig.h>", "#include <stddef.h>", ""]
    rows: list[str] = []
    request_max = reply_max = 0
    for routine in subsystem.routines:
        request, reply = request_of(routine), reply_of(routine)
        first, request_row = message_table(f"{routine.name}_request", request)
        lines += first
        reply_row = "{ 0, 0, 0, 0, NULL, NULL }"
        if not routine.simple:
            second, reply_row = message_table(f"{routine.name}_reply", reply)
            lines += second
            reply_max = max(reply_max, reply.max_size)
        request_max = max(request_max, request.max_size)
        rows.append(f'\t[{routine.number}] = {{ "{routine.name}", {flags(routine)},\n'
                    f"\t\t{request_row},\n\t\t{reply_row} }},")
    lines += ["", f"static const struct mig_routine routines[{max(subsystem.end, 1)}] = {{", *rows, "};", "",
              f"const struct mig_subsystem {subsystem.name}_subsystem = {{",
              f'\t"{subsystem.name}", {subsystem.base}, {subsystem.end}, {request_max}, {max(reply_max, 28)}, routines',
              "};", ""]
    return "\n".join(lines)
