# SPDX-License-Identifier: BSD-2-Clause
"""Where everything lies in a message.

Header (24 bytes); in a complex message a body header (8) and the descriptors in the arguments' order;
then the fixed part in the arguments' order, each at its natural alignment, a variable array standing there
as its uint32_t count; then the variable arrays' bytes in the same order, each begun at a multiple of 8. The
message ends at a multiple of 4. A simple reply's fixed part begins with the kern_return_t; a complex reply has none,
it says success by being complex.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import Argument, Routine

HEADER_BYTES = 24
BODY_BYTES = 8
DESCRIPTOR_BYTES = {"port": 16, "memory": 24, "ports": 16}


def align(value: int, to: int) -> int:
    return (value + to - 1) // to * to


@dataclass
class Field:
    """One member of the fixed part."""

    name: str
    offset: int
    size: int
    argument: Argument | None = None  # None: RetCode or padding
    is_count: bool = False
    is_pad: bool = False


@dataclass
class Message:
    descriptors: list[Argument] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    variables: list[Argument] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)  # argument -> offset of its count
    fixed_size: int = 0
    max_size: int = 0

    @property
    def complex(self) -> bool:
        return bool(self.descriptors)

    @property
    def variable_bytes(self) -> int:
        return sum(align(a.type.count * a.type.size, 8) for a in self.variables)

    def area(self, argument: Argument) -> int:
        """Where the variable array lies when all before it are at their largest."""
        at = self.fixed_size
        for other in self.variables:
            if other is argument:
                break
            at += align(other.type.count * other.type.size, 8)
        return at


def lay_out(arguments: list[Argument], counts: list[Argument], is_reply: bool) -> Message:
    message = Message(descriptors=[a for a in arguments if a.type.descriptor],
                      variables=[a for a in arguments if a.type.variable])
    at = HEADER_BYTES
    if message.descriptors:
        at += BODY_BYTES + sum(DESCRIPTOR_BYTES[a.type.kind] for a in message.descriptors)
    widest = 4

    def put(name: str, size: int, to: int, argument: Argument | None, is_count: bool) -> None:
        nonlocal at, widest
        pad(to)
        message.fields.append(Field(name, at, size, argument, is_count))
        if is_count and argument is not None:
            message.counts[argument.name] = at
        at += size
        widest = max(widest, to)

    def pad(to: int) -> None:
        nonlocal at
        gap = align(at, to) - at
        if gap:
            message.fields.append(Field(f"pad_{at}", at, gap, is_pad=True))
            at += gap

    if is_reply and not message.descriptors:
        put("RetCode", 4, 4, None, False)
    for argument in arguments:
        kind = argument.type
        if kind.variable:
            put(argument.name + "Cnt", 4, 4, argument, True)
        elif not kind.descriptor:
            put(argument.name, kind.size * (kind.count if kind.kind in ("array", "string") else 1), kind.align,
                argument, False)
    for argument in counts:
        put(argument.name + "Cnt", 4, 4, argument, True)
    pad(8 if message.variables or message.descriptors else widest)
    message.fixed_size = at
    message.max_size = at + message.variable_bytes
    return message


def request_of(routine: Routine) -> Message:
    return lay_out([a for a in routine.arguments if a.is_in],
                   [a for a in routine.arguments if a.sends_count], False)


def reply_of(routine: Routine) -> Message:
    return lay_out([a for a in routine.arguments if a.is_out], [], True)
