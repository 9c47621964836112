# SPDX-License-Identifier: BSD-2-Clause
"""Emits the servers' side: the table of functions a server gives, and the stubs that call them.

One emitter serves user and kernel servers. In the kernel a port is a struct ipc_port * from its descriptor,
memory out of line a struct vm_map_copy *, arrays of rights a struct ipc_port **; rights in replies have been made
already (PORT_SEND and so on), whatever disposition the .defs gives to users.
"""

from __future__ import annotations

from .emit import COUNT, HEAD, doc_comment, includes, join, message_struct, parameters, prototype, sees_poly, value_type
from .layout import Message, reply_of, request_of
from .model import RECEIVED, Argument, Routine, Subsystem


def header(subsystem: Subsystem, source: str, kernel: bool, classic: bool) -> str:
    name = subsystem.name
    lines = [HEAD.format(source=source), "#pragma once", "", "#include <mach/mig.h>",
             *includes(subsystem, subsystem.server_imports), ""]
    if kernel:
        lines += ["struct vm_map_copy;", ""]
    lines += ["/* What a server of this interface implements; NULL answers MIG_BAD_ID. */", f"struct {name}_ops {{"]
    for routine in subsystem.routines:
        lines += ["\t" + line for line in doc_comment(routine.doc)]
        text = prototype("kern_return_t", f"(*{routine.name})", parameters(routine, True, kernel))
        lines += ["\t" + text.replace("\n", "\n\t") + ";"]
    lines += ["};", "", f"extern const struct mig_subsystem {name}_subsystem;",
              f"extern const struct mig_server {name}_mig_server;", ""]
    if not kernel:
        lines += [f"/* Answer in, by ops, into out; FALSE: not a message of this interface. */",
                  f"boolean_t {name}_demux(const struct {name}_ops *ops, mach_msg_header_t *in, mach_msg_header_t *out);"]
    if classic:
        lines += [f"boolean_t {name}_server(mach_msg_header_t *in, mach_msg_header_t *out);"]
        for routine in subsystem.routines:
            lines.append(prototype("kern_return_t", routine.server_prefix + routine.name,
                                   parameters(routine, True, kernel)) + ";")
    return "\n".join(lines) + "\n"


class Stub:
    """The code of one routine's server stub, in the order it runs."""

    def __init__(self, routine: Routine, kernel: bool) -> None:
        self.routine = routine
        self.kernel = kernel
        self.request = request_of(routine)
        self.reply = reply_of(routine)
        self.locals: list[str] = []
        self.before: list[str] = []
        self.passed: list[str] = []
        self.destroy: list[str] = []
        self.consume: list[str] = []  # kernel: request rights whose use ended, on success
        self.after: list[str] = []

    def argument(self, argument: Argument) -> None:
        direction = argument.direction
        if direction in ("msgoption", "waittime", "sendtime", "ureplyport"):
            return
        if direction == "requestport":
            self.incoming(argument, "request_port_")
        elif direction in ("replyport", "sreplyport"):
            self.incoming(argument, "reply_port_")
        elif direction == "in":
            self.take(argument)
        else:
            self.give(argument)

    def incoming(self, argument: Argument, wire: str) -> None:
        """Pass a value that may need translation and destruction."""
        kind, name = argument.type, argument.name
        if not kind.intran:
            self.passed.append(wire)
            return
        self.locals.append(f"{join(kind.server_type, name)} = {kind.intran.function}({wire});")
        self.passed.append(name)
        if kind.destructor:
            self.destroy += [f"if ({name})", f"\t{kind.destructor.function}({name});"]
        if kind.kind == "port" and argument.direction == "in" and self.kernel:
            self.consume.append(f"mig_release_right({wire}, in->{name}.disposition);")

    def take(self, argument: Argument) -> None:
        kind, name = argument.type, argument.name
        if kind.kind == "port":
            self.incoming(argument, f"mig_port_of(&in->{name})")
            if sees_poly(argument, True, self.kernel):
                self.passed.append(f"in->{name}.disposition")
        elif kind.kind == "memory":
            self.passed.append(f"mig_memory_of(&in->{name})" if self.kernel
                               else f"({kind.server_type})(uintptr_t)in->{name}.address")
            if kind.counted:
                self.passed.append(f"({COUNT})(in->{name}.size / {kind.size})")
        elif kind.kind == "ports":
            self.passed.append(f"mig_ports_of(&in->{name})")
            if kind.counted:
                self.passed.append(f"in->{name}.count")
        elif kind.variable:
            if "at_ = " not in "".join(self.locals):
                self.locals.append(f"uint32_t at_ = {self.request.fixed_size};")
            self.locals.append(f"void *{name} = mig_next(&in->head, &at_, in->{name}Cnt * {kind.size}u);")
            self.passed.append(name)
            if kind.counted:
                self.passed.append(f"in->{name}Cnt")
        elif kind.kind in ("array", "string"):
            self.passed.append(f"(void *)in->{name}" if kind.kind == "array" else f"in->{name}")
        else:
            self.incoming(argument, f"in->{name}")

    def give(self, argument: Argument) -> None:
        kind, name = argument.type, argument.name
        if kind.descriptor:
            self.give_descriptor(argument)
        elif kind.variable:
            self.give_variable(argument)
        elif kind.kind in ("array", "string"):
            if argument.direction == "inout":
                self.before.append(f"__builtin_memcpy(out->{name}, in->{name}, sizeof(out->{name}));")
            # The C type of an array may have elements of another kind, of the same size.
            self.passed.append(f"(void *)out->{name}" if kind.kind == "array" else f"out->{name}")
            if kind.kind == "string":
                self.after.append(f"out->{name}[{kind.count - 1}] = 0;")
        elif kind.outtran:
            self.locals.append(f"{join(kind.server_type, name)} = 0;")
            if argument.direction == "inout":
                assert kind.intran is not None
                self.before.append(f"{name} = {kind.intran.function}(in->{name});")
            self.passed.append(f"&{name}")
            self.after.append(f"out->{name} = {kind.outtran.function}({name});")
        else:
            if argument.direction == "inout":
                self.before.append(f"out->{name} = in->{name};")
            self.passed.append(f"&out->{name}")

    def give_descriptor(self, argument: Argument) -> None:
        kind, name = argument.type, argument.name
        self.locals.append(f"{join(value_type(kind, True, self.kernel), name)} = 0;")
        self.passed.append(f"&{name}")
        if kind.kind == "port":
            disposition = str(RECEIVED[kind.send] if self.kernel and kind.send >= 0 else kind.send)
            if self.kernel and kind.send < 0:
                disposition = str(kind.received)
            if sees_poly(argument, True, self.kernel):
                self.locals.append(f"mach_msg_type_name_t {name}Poly = 0;")
                self.passed.append(f"&{name}Poly")
                disposition = f"{name}Poly"
            port = f"{kind.outtran.function}({name})" if kind.outtran else name
            self.after.append(f"out->{name} = mig_port_descriptor({port}, {disposition});")
            return
        count = str(kind.count)
        if kind.counted:
            self.locals.append(f"{COUNT} {name}Cnt = 0;")
            self.passed.append(f"&{name}Cnt")
            count = f"{name}Cnt"
        dealloc = int(argument.dealloc != "no")
        if kind.kind == "memory":
            pointer = name if self.kernel else f"(const void *)(uintptr_t){name}"
            self.after.append(f"out->{name} = mig_memory_descriptor({pointer}, (mach_vm_size_t){count} * {kind.size}, "
                              f"{dealloc});")
        else:
            disposition = str(RECEIVED[kind.send] if self.kernel else kind.send)
            pointer = name if self.kernel else f"(const void *)(uintptr_t){name}"
            self.after.append(f"out->{name} = mig_ports_descriptor({pointer}, {count}, {disposition}, {dealloc});")

    def give_variable(self, argument: Argument) -> None:
        kind, name = argument.type, argument.name
        self.locals.append(f"void *{name} = (char *)out + {self.reply.area(argument)};")
        if argument.direction == "inout":
            if "at_ = " not in "".join(self.locals):
                self.locals.append(f"uint32_t at_ = {self.request.fixed_size};")
            self.locals.append(f"const void *{name}In = mig_next(&in->head, &at_, in->{name}Cnt * {kind.size}u);")
            self.before.append(f"__builtin_memcpy({name}, {name}In, in->{name}Cnt * {kind.size}u);")
        self.passed.append(name)
        if kind.kind == "string":
            self.before.append(f"((char *){name})[0] = 0;") if argument.direction == "out" else None
            self.after.append(f"out->{name}Cnt = mig_end_string({name}, {kind.count});")
        else:
            start = f"{kind.count}"
            if argument.direction == "inout":
                start = f"in->{name}Cnt"
            elif argument.count_in_out:
                start = f"in->{name}Cnt < {kind.count} ? in->{name}Cnt : {kind.count}"
            self.locals.append(f"{COUNT} {name}Cnt = {start};")
            self.passed.append(f"&{name}Cnt")
            self.after += [f"if ({name}Cnt > {kind.count})", f'\tmig_overrun("{self.routine.name}");',
                           f"out->{name}Cnt = {name}Cnt;"]
        self.after.append(f"mig_put(&out->head, {name}, out->{name}Cnt * {kind.size}u);")

    def text(self, subsystem: str) -> list[str]:
        routine, reply = self.routine, self.reply
        lines = message_struct(f"{routine.name}_request", self.request, True)
        if not routine.simple:
            lines += message_struct(f"{routine.name}_reply", reply, True)
        for argument in routine.arguments:
            self.argument(argument)
        lines += ["", f"static kern_return_t serve_{routine.name}(const void *ops_, mach_port_t request_port_, "
                  "mach_port_t reply_port_,",
                  "\t\t\t\tmach_msg_header_t *in_, mach_msg_header_t *out_)", "{",
                  f"\tconst struct {subsystem}_ops *ops = ops_;"]
        lines += [f"\tstruct {routine.name}_request *in __attribute__((unused)) = (void *)in_;"]
        if not routine.simple:
            lines += [f"\tstruct {routine.name}_reply *out = (void *)out_;"]
        lines += ["\tkern_return_t result_;", "",
                  f"\t(void){'out_' if routine.simple else 'request_port_'};", "\t(void)reply_port_;",
                  f"\tif (ops->{routine.name} == NULL)", "\t\treturn MIG_BAD_ID;"]
        if not routine.simple:
            lines += [f"\t__builtin_memset((char *)out + sizeof(out->head), 0, {reply.fixed_size} - sizeof(out->head));"]
        lines += ["\t" + line for line in self.locals + self.before]
        call = f"\tresult_ = ops->{routine.name}("
        for index, value in enumerate(self.passed):
            piece = value + (", " if index + 1 < len(self.passed) else "")
            if len(call.split("\n")[-1].expandtabs(8)) + len(piece) > 98:
                call = call.rstrip() + "\n\t\t"
            call += piece
        lines += [call + ");"]
        lines += ["\t" + line for line in self.destroy]
        if self.consume:
            lines += ["\tif (result_ == KERN_SUCCESS || result_ == MIG_NO_REPLY) {",
                      *["\t\t" + line for line in self.consume], "\t}"]
        if not routine.simple:
            lines += ["\tif (result_ != KERN_SUCCESS)", "\t\treturn result_;"]
            if reply.complex:
                lines += ["\tout->head.msgh_bits |= MACH_MSGH_BITS_COMPLEX;",
                          f"\tout->body.msgh_descriptor_count = {len(reply.descriptors)};"]
            lines.append(f"\tout->head.msgh_size = {reply.fixed_size};")
            lines += ["\t" + line for line in self.after]
        lines += [f"\treturn {'result_' if routine.simple else 'KERN_SUCCESS'};", "}", ""]
        return lines


def source_file(subsystem: Subsystem, source: str, header_name: str, kernel: bool, classic: bool) -> str:
    name = subsystem.name
    lines = [HEAD.format(source=source), f"#include {header_name}", "#include <stddef.h>", ""]
    for routine in subsystem.routines:
        lines += Stub(routine, kernel).text(name)
    lines += [f"static const mig_stub_t stubs[{max(subsystem.end, 1)}] = {{",
              *[f"\t[{r.number}] = serve_{r.name}," for r in subsystem.routines], "};", "",
              f"const struct mig_server {name}_mig_server = {{ &{name}_subsystem, stubs }};", ""]
    if not kernel:
        lines += [f"boolean_t {name}_demux(const struct {name}_ops *ops, mach_msg_header_t *in, mach_msg_header_t *out)",
                  "{", f"\treturn mig_dispatch(&{name}_mig_server, ops, in, out);", "}", ""]
    if classic:
        lines += [f"boolean_t {name}_server(mach_msg_header_t *in, mach_msg_header_t *out)", "{",
                  f"\tstatic const struct {name}_ops ops = {{",
                  *[f"\t\t.{r.name} = {r.server_prefix}{r.name}," for r in subsystem.routines], "\t};", "",
                  f"\treturn {name}_demux(&ops, in, out);", "}", ""]
    return "\n".join(lines)
