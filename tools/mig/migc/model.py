# SPDX-License-Identifier: BSD-2-Clause
"""What a .defs file says: types, arguments, routines, the subsystem."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

POLYMORPHIC = -1

DISPOSITIONS = {
    "MACH_MSG_TYPE_MOVE_RECEIVE": 16,
    "MACH_MSG_TYPE_MOVE_SEND": 17,
    "MACH_MSG_TYPE_MOVE_SEND_ONCE": 18,
    "MACH_MSG_TYPE_COPY_SEND": 19,
    "MACH_MSG_TYPE_MAKE_SEND": 20,
    "MACH_MSG_TYPE_MAKE_SEND_ONCE": 21,
    "MACH_MSG_TYPE_PORT_RECEIVE": 16,
    "MACH_MSG_TYPE_PORT_SEND": 17,
    "MACH_MSG_TYPE_PORT_SEND_ONCE": 18,
    "polymorphic": POLYMORPHIC,
}

# Typed rights: send<T> and so on.
RIGHTS = {
    "send": 19,
    "copy_send": 19,
    "move_send": 17,
    "make_send": 20,
    "receive": 16,
    "move_receive": 16,
    "send_once": 18,
    "move_send_once": 18,
    "make_send_once": 21,
}

RECEIVED = {16: 16, 17: 17, 18: 18, 19: 17, 20: 17, 21: 18, POLYMORPHIC: POLYMORPHIC}

# Name -> (bytes, C type of an element).
SCALARS = {
    "MACH_MSG_TYPE_BOOLEAN": (4, "int32_t"),
    "MACH_MSG_TYPE_BIT": (4, "int32_t"),
    "MACH_MSG_TYPE_INTEGER_8": (1, "int8_t"),
    "MACH_MSG_TYPE_INTEGER_16": (2, "int16_t"),
    "MACH_MSG_TYPE_INTEGER_32": (4, "int32_t"),
    "MACH_MSG_TYPE_INTEGER_64": (8, "int64_t"),
    "MACH_MSG_TYPE_UNSIGNED_32": (4, "uint32_t"),
    "MACH_MSG_TYPE_UNSIGNED_64": (8, "uint64_t"),
    "MACH_MSG_TYPE_CHAR": (1, "char"),
    "MACH_MSG_TYPE_BYTE": (1, "uint8_t"),
    "MACH_MSG_TYPE_REAL_32": (4, "float"),
    "MACH_MSG_TYPE_REAL_64": (8, "double"),
    "MACH_MSG_TYPE_PORT_NAME": (4, "mach_port_name_t"),
}


@dataclass(frozen=True)
class Translation:
    """intran, outtran: result function(argument)."""

    result: str
    function: str
    argument: str


@dataclass(frozen=True)
class Type:
    """One wire type. kind: scalar, struct, port, array, string, memory (out of line), ports."""

    kind: str
    name: str
    size: int = 0                 # bytes: of a scalar or struct; of one element otherwise
    align: int = 1
    count: int = 0                # elements: exact if fixed, else the most; 0: no limit
    fixed: bool = True            # arrays: always count elements
    element: str = ""             # C type of an element
    send: int = 0                 # ports: the disposition the sender gives
    received: int = 0             # ports: what the receiver sees
    interface: str = ""           # ports: T of send<T>
    user_type: str = ""
    server_type: str = ""
    intran: Translation | None = None
    outtran: Translation | None = None
    destructor: Translation | None = None

    @property
    def descriptor(self) -> bool:
        return self.kind in ("port", "memory", "ports")

    @property
    def variable(self) -> bool:
        return self.kind in ("array", "string") and not self.fixed

    @property
    def counted(self) -> bool:
        """Has a Cnt argument in C."""
        return self.kind in ("array", "memory", "ports") and not self.fixed

    def named(self, name: str) -> Type:
        """The same wire type under a new name, as `type new = old` makes it."""
        return replace(self, name=name, user_type=name, server_type=name, intran=None, outtran=None,
                       destructor=None)


@dataclass
class Argument:
    name: str
    direction: str  # in out inout requestport replyport ureplyport sreplyport waittime sendtime msgoption
    type: Type
    dealloc: str = "no"  # no, yes, given (a boolean argument)
    count_in_out: bool = False
    const: bool = False

    @property
    def is_in(self) -> bool:
        return self.direction in ("in", "inout")

    @property
    def is_out(self) -> bool:
        return self.direction in ("out", "inout")

    @property
    def sends_count(self) -> bool:
        """An out array whose capacity goes with the request."""
        return self.direction == "out" and self.count_in_out and self.type.counted


@dataclass
class Routine:
    name: str
    simple: bool
    number: int
    arguments: list[Argument] = field(default_factory=list)
    doc: str = ""
    user_prefix: str = ""
    server_prefix: str = ""
    waittime: str = ""
    msgoption: str = ""

    def one(self, *directions: str) -> Argument | None:
        return next((a for a in self.arguments if a.direction in directions), None)


@dataclass
class Subsystem:
    name: str
    base: int
    doc: str = ""
    routines: list[Routine] = field(default_factory=list)
    end: int = 0  # numbers used, skips included
    types: dict[str, Type] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)
    user_imports: list[str] = field(default_factory=list)
    server_imports: list[str] = field(default_factory=list)
