# SPDX-License-Identifier: BSD-2-Clause
"""Emits the callers' side for the kernel: it sends kmsgs in kernel form.

The request port is a right that the caller keeps (but for a send-once right, which is consumed); other rights are
consumed or copied as their dispositions say; memory out of line is a struct vm_map_copy *, consumed. Every stub
consumes what it was given, whatever it returns.
"""

from __future__ import annotations

from .emit import HEAD, doc_comment, includes, join, message_struct, pointer, prototype, sees_poly
from .layout import Message, reply_of, request_of
from .model import RECEIVED, Argument, Routine, Subsystem

COPIES = {19: "ipc_port_copy_send", 20: "ipc_port_make_send", 21: "ipc_port_make_sonce"}


def port_poly(argument: Argument) -> bool:
    """Is it the request port, of a kind that the caller names?"""
    return argument.direction == "requestport" and argument.type.send < 0


def value_type(argument: Argument) -> str:
    kind = argument.type
    if kind.kind == "memory":
        return "struct vm_map_copy *"
    if kind.kind == "ports":
        return "mach_port_t *"
    return "char *" if kind.kind == "string" else kind.user_type


def parameters(routine: Routine) -> list[str]:
    found = []
    for argument in routine.arguments:
        kind, name = argument.type, argument.name
        if argument.direction not in ("requestport", "in", "out", "inout"):
            continue
        ctype = value_type(argument)
        if argument.is_out and kind.kind not in ("array", "string"):
            found.append(pointer(ctype, name))
        else:
            const = argument.direction == "in" and kind.kind in ("string", "array") and ctype.endswith("*")
            found.append(("const " if const else "") + join(ctype, name))
        if port_poly(argument):
            found.append(join("mach_msg_type_name_t", name + "Poly"))
        if sees_poly(argument, False, True):
            found.append(join("mach_msg_type_name_t", ("*" if argument.is_out else "") + name + "Poly"))
        if kind.counted:
            found.append(join("mach_msg_type_number_t", ("*" if argument.is_out else "") + name + "Cnt"))
    if routine.simple:
        found.append("mach_msg_option_t option")
    return [*found, "uint64_t deadline_ns"]


def header(subsystem: Subsystem, source: str) -> str:
    lines = [HEAD.format(source=source), "#pragma once", "", "#include <mach/mig.h>",
             *includes(subsystem, subsystem.user_imports), "", "struct vm_map_copy;", "",
             f"extern const struct mig_subsystem {subsystem.name}_subsystem;", "",
             "/*", " * Calls by the kernel: deadline_ns as for mach_msg_rpc_from_kernel(); option MACH_SEND_ALWAYS goes past",
             " * the queue limit and never waits.", " */", ""]
    for routine in subsystem.routines:
        lines += doc_comment(routine.doc)
        lines += [prototype("kern_return_t", routine.user_prefix + routine.name, parameters(routine)) + ";", ""]
    return "\n".join(lines)


def right(argument: Argument) -> str:
    copy = COPIES.get(argument.type.send)
    return f"{copy}({argument.name})" if copy else argument.name


def disposition(argument: Argument) -> str:
    poly = port_poly(argument) or sees_poly(argument, False, True)
    return f"{argument.name}Poly" if poly else str(RECEIVED[argument.type.send])


def count_of(argument: Argument) -> str:
    kind, name = argument.type, argument.name
    if kind.kind == "string":
        return f"mig_string_bytes({name}, {kind.count})"
    return f"*{name}Cnt" if argument.direction == "inout" else f"{name}Cnt"


def fill(message: Message) -> list[str]:
    lines: list[str] = []
    if message.complex:
        lines.append(f"in->body = (mach_msg_body_t){{ {len(message.descriptors)}, 0 }};")
    for argument in message.descriptors:
        kind, name = argument.type, argument.name
        count = f"{name}Cnt" if kind.counted else str(kind.count)
        if kind.kind == "port":
            lines.append(f"in->{name} = mig_port_descriptor({right(argument)}, {disposition(argument)});")
        elif kind.kind == "memory":
            lines.append(f"in->{name} = mig_memory_descriptor({name}, (mach_vm_size_t){count} * {kind.size}, 1);")
        else:
            lines.append(f"in->{name} = mig_ports_descriptor({name}, {count}, {RECEIVED[kind.send]}, 1);")
    for member in message.fields:
        given = member.argument
        if member.is_pad:
            lines.append(f"__builtin_memset(in->{member.name}, 0, {member.size});")
        elif given is None:
            continue
        elif member.is_count and given.direction == "out":
            lines.append(f"in->{member.name} = *{member.name};")
        elif member.is_count:
            lines.append(f"in->{member.name} = {given.name}Bytes_ / {given.type.size}u;")
        elif given.type.kind == "string":
            lines.append(f"(void)mig_put_fixed_string(in->{given.name}, {given.type.count}, {given.name});")
        elif given.type.kind == "array":
            lines.append(f"__builtin_memcpy(in->{given.name}, {given.name}, {member.size});")
        else:
            star = "*" if given.direction == "inout" else ""
            lines.append(f"in->{given.name} = {star}{given.name};")
    lines += [f"mig_put(&in->head, {a.name}, {a.name}Bytes_);" for a in message.variables]
    return lines


def take(message: Message) -> list[str]:
    """Out of the reply; what is taken from a descriptor is its no more."""
    lines: list[str] = []
    if message.variables:
        lines.append(f"uint32_t at_ = {message.fixed_size};")
    for argument in message.descriptors:
        kind, name = argument.type, argument.name
        if kind.kind == "port":
            lines += [f"*{name} = mig_port_of(&out->{name});", f"out->{name}.kport = 0;"]
            if sees_poly(argument, False, True):
                lines.append(f"*{name}Poly = out->{name}.disposition;")
        elif kind.kind == "memory":
            lines.append(f"*{name} = mig_memory_of(&out->{name});")
            if kind.counted:
                lines.append(f"*{name}Cnt = (mach_msg_type_number_t)(out->{name}.size / {kind.size});")
            lines += [f"out->{name}.kcopy = 0;", f"out->{name}.size = 0;"]
        else:
            lines.append(f"*{name} = mig_ports_of(&out->{name});")
            if kind.counted:
                lines.append(f"*{name}Cnt = out->{name}.count;")
            lines += [f"out->{name}.kports = 0;", f"out->{name}.count = 0;"]
    for member in message.fields:
        given = member.argument
        if given is None or member.is_count:
            continue
        if given.type.kind in ("array", "string"):
            lines.append(f"__builtin_memcpy({given.name}, out->{given.name}, {member.size});")
        else:
            lines.append(f"*{given.name} = out->{given.name};")
    for argument in message.variables:
        kind, name = argument.type, argument.name
        if kind.counted:
            lines += [f"if (out->{name}Cnt > *{name}Cnt)", "\tresult_ = MIG_ARRAY_TOO_LARGE;", "else", "\t"
                      f"mig_get(&out->head, &at_, {name}, out->{name}Cnt * {kind.size}u);",
                      f"*{name}Cnt = out->{name}Cnt;"]
        else:
            lines.append(f"mig_get(&out->head, &at_, {name}, out->{name}Cnt * {kind.size}u);")
    return lines


def stub(subsystem: Subsystem, routine: Routine) -> list[str]:
    request, reply = request_of(routine), reply_of(routine)
    port = routine.one("requestport")
    assert port is not None
    name = routine.name
    lines = message_struct(f"{name}_request", request, False)
    if not routine.simple:
        lines += message_struct(f"{name}_reply", reply, False)
    lines += ["", prototype("kern_return_t", routine.user_prefix + name, parameters(routine)), "{"]
    sizes = [f"MIG_ALIGN({a.name}Bytes_, 8u)" for a in request.variables]
    for argument in request.variables:
        lines.append(f"\tuint32_t {argument.name}Bytes_ = ({count_of(argument)}) * {argument.type.size}u;")
    lines += [f"\tstruct ipc_kmsg *kmsg_ = ipc_kmsg_alloc({' + '.join([str(request.fixed_size), *sizes])});",
              f"\tstruct {name}_request *in;"]
    if not routine.simple:
        lines += [f"\tstruct {name}_reply *out __attribute__((unused));", "\tstruct ipc_kmsg *reply_;",
                  "\tkern_return_t result_;"]
    lines.append("")
    for argument in request.variables:
        lines.append(f'\tKASSERT({argument.name}Bytes_ <= {argument.type.count * argument.type.size}u);')
    lines += ["\tif (kmsg_ == NULL) {", *[f"\t\t{line}" for line in consume(routine, request)],
              "\t\treturn KERN_RESOURCE_SHORTAGE;", "\t}",
              f"\tin = (struct {name}_request *)kmsg_->ikm_header;",
              f"\tin->head.msgh_bits = MACH_MSGH_BITS_SET({disposition(port)}, 0, 0, "
              f"{'MACH_MSGH_BITS_COMPLEX' if request.complex else 0});",
              f"\tin->head.msgh_size = {request.fixed_size};",
              f"\tin->head.msgh_id = {subsystem.base + routine.number};",
              f"\tkmsg_->ikm_remote_port = {right(port)};"]
    lines += ["\t" + line for line in fill(request)]
    if routine.simple:
        return [*lines, "\treturn mig_kernel_send(kmsg_, option, deadline_ns);", "}", ""]
    lines += ["\tresult_ = mach_msg_rpc_from_kernel(kmsg_, deadline_ns, &reply_);",
              "\tif (result_ != KERN_SUCCESS)", "\t\treturn result_;",
              f"\tout = (struct {name}_reply *)reply_->ikm_header;",
              f"\tresult_ = mig_check_reply_id(&{subsystem.name}_subsystem.routines[{routine.number}], "
              f"reply_->ikm_header, {subsystem.base + routine.number});",
              "\tif (result_ == KERN_SUCCESS) {", *["\t\t" + line for line in take(reply)], "\t}",
              "\tipc_kmsg_destroy(reply_);", "\treturn result_;", "}", ""]
    return lines


def consume(routine: Routine, message: Message) -> list[str]:
    """Without memory for the message: what was given goes."""
    lines = []
    for argument in message.descriptors:
        kind, name = argument.type, argument.name
        if kind.kind == "port" and kind.send not in COPIES:
            lines.append(f"mig_release_right({name}, {disposition(argument)});")
        elif kind.kind == "memory":
            lines += [f"if ({name} != NULL)", f"\tvm_map_copy_discard({name});"]
        elif kind.kind == "ports":
            count = f"{name}Cnt" if kind.counted else str(kind.count)
            lines.append(f"mig_release_rights({name}, {count}, {RECEIVED[kind.send]});")
    port = routine.one("requestport")
    assert port is not None
    if port.type.send not in COPIES:
        lines.append(f"mig_release_right({port.name}, {disposition(port)});")
    return lines


def source_file(subsystem: Subsystem, source: str, header_name: str) -> str:
    lines = [HEAD.format(source=source), f"#include {header_name}", "#include <ipc/mach_msg.h>",
             "#include <kern/assert.h>", "#include <stddef.h>", "#include <vm/vm_map_copy.h>", ""]
    for routine in subsystem.routines:
        lines += stub(subsystem, routine)
    return "\n".join(lines)
