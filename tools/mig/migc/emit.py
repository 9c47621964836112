# SPDX-License-Identifier: BSD-2-Clause
"""What the emitters share: C parameters, message structs, file heads."""

from __future__ import annotations

from .layout import Message
from .model import Argument, Routine, Subsystem, Type

HEAD = "/* Made by mig from {source}; do not edit. */"
COUNT = "mach_msg_type_number_t"
DESCRIPTOR_TYPES = {
    "port": "mach_msg_port_descriptor_t",
    "memory": "mach_msg_ool_descriptor_t",
    "ports": "mach_msg_ool_ports_descriptor_t",
}


def join(ctype: str, name: str) -> str:
    return f"{ctype}{name}" if ctype.endswith("*") else f"{ctype} {name}"


def pointer(ctype: str, name: str) -> str:
    return f"{ctype}*{name}" if ctype.endswith("*") else f"{ctype} *{name}"


def wire_type(kind: Type, server: bool) -> str:
    """The C type of a fixed argument in the message."""
    if not server:
        return kind.user_type
    if kind.intran:
        return kind.intran.argument
    if kind.outtran:
        return kind.outtran.result
    return kind.server_type


def value_type(kind: Type, server: bool, kernel: bool) -> str:
    """The C type of the argument's value as a function sees it."""
    if server and kernel:
        if kind.kind == "memory":
            return "struct vm_map_copy *"
        if kind.kind == "ports":
            return "mach_port_t *"
    if kind.kind == "string":
        return "char *"
    return kind.server_type if server else kind.user_type


def sees_poly(argument: Argument, server: bool, kernel: bool) -> bool:
    """Does this side's function have a Poly parameter?"""
    kind = argument.type
    if kind.kind != "port" or argument.direction not in ("in", "out"):
        return False
    sender = (argument.direction == "in") != server
    if sender and server and kernel:
        return kind.received < 0  # the kernel hands out rights already made
    return (kind.send if sender else kind.received) < 0


def parameters(routine: Routine, server: bool, kernel: bool) -> list[str]:
    found: list[str] = []
    for argument in routine.arguments:
        kind, name = argument.type, argument.name
        if argument.direction in ("msgoption", "waittime", "sendtime"):
            if not server:
                found.append(join("mach_msg_option_t" if argument.direction == "msgoption"
                                  else "mach_msg_timeout_t", name))
            continue
        if (argument.direction == "sreplyport" and not server) or (argument.direction == "ureplyport" and server):
            continue
        ctype = value_type(kind, server, kernel)
        by_reference = argument.is_out and kind.kind not in ("array", "string")
        if by_reference:
            found.append(pointer(ctype, name))
        else:
            const = not server and argument.direction == "in" and kind.kind in ("string", "array", "memory", "ports") \
                and ctype.endswith("*")
            found.append(("const " if const else "") + join(ctype, name))
        if argument.direction == "requestport" and kind.send < 0 and not server:
            found.append(join("mach_msg_type_name_t", name + "Poly"))
        if sees_poly(argument, server, kernel):
            found.append(join("mach_msg_type_name_t", ("*" if argument.is_out else "") + name + "Poly"))
        if kind.counted:
            found.append(join(COUNT, ("*" if argument.is_out else "") + name + "Cnt"))
        if argument.dealloc == "given" and argument.direction == "in" and not server:
            found.append(f"boolean_t {name}Dealloc")
    return found


def prototype(result: str, name: str, params: list[str]) -> str:
    """A declarator within 100 columns, without its end."""
    line = f"{result} {name}("
    indent = "\t" * 4
    lines, current = [], line
    for index, param in enumerate(params):
        piece = param + (", " if index + 1 < len(params) else "")
        if len(current.expandtabs(8)) + len(piece) > 98 and current.strip():
            lines.append(current.rstrip())
            current = indent
        current += piece
    return "\n".join([*lines, current + (")" if params else "void)")])


def message_struct(name: str, message: Message, server: bool) -> list[str]:
    """The struct of a message, with its offsets asserted."""
    lines = [f"struct {name} {{", "\tmach_msg_header_t head;"]
    if message.complex:
        lines.append("\tmach_msg_body_t body;")
        lines += [f"\t{DESCRIPTOR_TYPES[a.type.kind]} {a.name};" for a in message.descriptors]
    for member in message.fields:
        if member.is_pad:
            lines.append(f"\tuint8_t {member.name}[{member.size}];")
        elif member.argument is None:
            lines.append(f"\tkern_return_t {member.name};")
        elif member.is_count:
            lines.append(f"\tuint32_t {member.name};")
        elif member.argument.type.kind in ("array", "string"):
            lines.append(f"\t{member.argument.type.element} {member.name}[{member.argument.type.count}];")
        else:
            lines.append(f"\t{join(wire_type(member.argument.type, server), member.name)};")
    if message.variables:
        lines.append(f"\tuint8_t variable[{message.variable_bytes}] __attribute__((aligned(8)));")
    lines.append("};")
    for member in message.fields:
        if member.argument is not None:
            lines.append(f'_Static_assert(offsetof(struct {name}, {member.name}) == {member.offset}, '
                         f'"{name}.{member.name}");')
    for argument in message.variables:
        ctype = argument.type.server_type if server else argument.type.user_type
        if argument.type.kind == "array":  # does the C type, a pointer or an array, have elements of that size?
            lines.append(f'_Static_assert(sizeof(*({ctype}){{ 0 }}) == {argument.type.size}, "{name}.{argument.name}[0]");')
    lines.append(f'_Static_assert(sizeof(struct {name}) == {message.max_size}, "{name}");')
    return lines


def includes(subsystem: Subsystem, *lists: list[str]) -> list[str]:
    seen: list[str] = []
    for names in (subsystem.imports, *lists):
        seen += [f"#include {name}" for name in names if f"#include {name}" not in seen]
    return seen


def doc_comment(text: str) -> list[str]:
    if not text:
        return []
    return ["/*", *[f" * {line}".rstrip() for line in text.replace("*/", "* /").split("\n")], " */"]
