# SPDX-License-Identifier: BSD-2-Clause
"""Emits the callers' side: header and stubs."""

from __future__ import annotations

from .emit import HEAD, doc_comment, includes, message_struct, parameters, prototype, sees_poly
from .layout import Message, reply_of, request_of
from .model import Argument, Routine, Subsystem


def header(subsystem: Subsystem, source: str) -> str:
    lines = [HEAD.format(source=source), "#pragma once", "", "#include <mach/mig.h>",
             *includes(subsystem, subsystem.user_imports), "",
             f"extern const struct mig_subsystem {subsystem.name}_subsystem;", ""]
    for routine in subsystem.routines:
        lines += doc_comment(routine.doc)
        lines.append(f"#define MIG_ID_{routine.name} {subsystem.base + routine.number}")
        lines += [prototype("kern_return_t", routine.user_prefix + routine.name, parameters(routine, False, False)) + ";", ""]
    return "\n".join(lines)


def disposition(argument: Argument) -> str:
    poly = argument.type.send < 0 and (argument.direction == "requestport" or sees_poly(argument, False, False))
    return f"{argument.name}Poly" if poly else str(argument.type.send)


def fill_descriptor(argument: Argument) -> str:
    kind, name = argument.type, argument.name
    dealloc = {"no": "0", "yes": "1", "given": f"{name}Dealloc != 0"}[argument.dealloc]
    count = str(kind.count) if kind.fixed else f"{name}Cnt"
    if kind.kind == "port":
        return f"in->{name} = mig_port_descriptor({name}, {disposition(argument)});"
    if kind.kind == "memory":
        return (f"in->{name} = mig_memory_descriptor((const void *)(uintptr_t){name}, "
                f"(mach_vm_size_t){count} * {kind.size}, {dealloc});")
    return (f"in->{name} = mig_ports_descriptor((const void *)(uintptr_t){name}, {count}, {kind.send}, {dealloc});")


def fill_request(routine: Routine, message: Message) -> list[str]:
    lines = [f"in->head.msgh_size = {message.fixed_size};"]
    if message.complex:
        lines.append(f"in->body = (mach_msg_body_t){{ {len(message.descriptors)}, 0 }};")
        lines += [fill_descriptor(a) for a in message.descriptors]
    for member in message.fields:
        argument = member.argument
        if member.is_pad:
            lines.append(f"__builtin_memset(in->{member.name}, 0, {member.size});")
        elif argument is None:
            continue
        elif member.is_count and argument.direction == "out":
            lines.append(f"in->{member.name} = *{member.name} < {argument.type.count} ? *{member.name} : "
                         f"{argument.type.count};" if argument.type.count else f"in->{member.name} = *{member.name};")
        elif member.is_count:
            continue
        elif argument.type.kind == "string":
            lines += [f"if (!mig_put_fixed_string(in->{argument.name}, {argument.type.count}, {argument.name}))",
                      "\treturn mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);"]
        elif argument.type.kind == "array":
            lines.append(f"__builtin_memcpy(in->{argument.name}, {argument.name}, {member.size});")
        else:
            star = "*" if argument.direction == "inout" else ""
            lines.append(f"in->{argument.name} = {star}{argument.name};")
    for argument in message.variables:
        kind, name = argument.type, argument.name
        if kind.kind == "string":
            count = f"mig_string_bytes({name}, {kind.count})"
        else:
            count = f"*{name}Cnt" if argument.direction == "inout" else f"{name}Cnt"
        lines += [f"in->{name}Cnt = {count};",
                  f"if (in->{name}Cnt > {kind.count})",
                  "\treturn mig_unsent(&in->head, MIG_ARRAY_TOO_LARGE);",
                  f"mig_put(&in->head, {name}, in->{name}Cnt * {kind.size}u);"]
    return lines


def take_reply(message: Message) -> list[str]:
    lines: list[str] = []
    if message.variables:
        lines.append(f"uint32_t at = {message.fixed_size};")
    for argument in message.variables:
        if argument.count_in_out or argument.direction == "inout":
            name = argument.name
            lines += [f"if (out->{name}Cnt > *{name}Cnt) {{", f"\t*{name}Cnt = out->{name}Cnt;",
                      "\tmach_msg_destroy(&out->head);", "\treturn MIG_ARRAY_TOO_LARGE;", "}"]
    for argument in message.descriptors:
        kind, name = argument.type, argument.name
        if kind.kind == "port":
            lines.append(f"*{name} = out->{name}.name;")
            if sees_poly(argument, False, False):
                lines.append(f"*{name}Poly = out->{name}.disposition;")
            continue
        lines.append(f"*{name} = ({kind.user_type})(uintptr_t)out->{name}.address;")
        if kind.counted:
            lines.append(f"*{name}Cnt = (mach_msg_type_number_t)(out->{name}.size / {kind.size});"
                         if kind.kind == "memory" else f"*{name}Cnt = out->{name}.count;")
    for member in message.fields:
        given = member.argument
        if given is None or member.is_count:
            continue
        if given.type.kind in ("array", "string"):
            lines.append(f"__builtin_memcpy({given.name}, out->{given.name}, {member.size});")
        else:
            lines.append(f"*{given.name} = out->{given.name};")
    for argument in message.variables:
        lines.append(f"mig_get(&out->head, &at, {argument.name}, out->{argument.name}Cnt * {argument.type.size}u);")
        if argument.type.counted:
            lines.append(f"*{argument.name}Cnt = out->{argument.name}Cnt;")
    return lines


def option_of(routine: Routine) -> tuple[str, str]:
    """The extra options and the timeout."""
    options = [o for o in [routine.msgoption] if o]
    timeout = "MACH_MSG_TIMEOUT_NONE"
    given = routine.one("msgoption")
    if given:
        options.append(given.name)
    wait = routine.one("waittime", "sendtime")
    if wait or routine.waittime:
        timeout = wait.name if wait else routine.waittime
        send = routine.simple or (wait is not None and wait.direction == "sendtime")
        options.append("MACH_SEND_TIMEOUT" if send else "MACH_RCV_TIMEOUT")
    return " | ".join(options) or "MACH_MSG_OPTION_NONE", timeout


def stub(subsystem: Subsystem, routine: Routine) -> list[str]:
    request, reply = request_of(routine), reply_of(routine)
    port = routine.one("requestport")
    reply_port = routine.one("replyport", "ureplyport")
    assert port is not None
    lines = message_struct(f"{routine.name}_request", request, False)
    if not routine.simple:
        lines += message_struct(f"{routine.name}_reply", reply, False)
    lines += ["", prototype("kern_return_t", routine.user_prefix + routine.name, parameters(routine, False, False)), "{"]
    if routine.simple:
        lines += [f"\tstruct {routine.name}_request request_, *in = &request_;"]
    else:
        lines += ["\tunion {", f"\t\tstruct {routine.name}_request in;", "\t\tstruct {",
                  f"\t\t\tstruct {routine.name}_reply reply;", "\t\t\tmach_msg_max_trailer_t trailer;", "\t\t} out;",
                  "\t} message_;", f"\tstruct {routine.name}_request *in = &message_.in;"]
        if reply.descriptors or reply.variables or any(f.argument for f in reply.fields):
            lines.append(f"\tstruct {routine.name}_reply *out = &message_.out.reply;")
        lines.append("\tkern_return_t result_;")
    local = "0"
    if reply_port:
        local = f"{reply_port.name} != MACH_PORT_NULL ? {reply_port.type.send} : 0"
    lines += ["", f"\tin->head.msgh_bits = MACH_MSGH_BITS_SET({disposition(port)}, {local}, 0, "
              f"{'MACH_MSGH_BITS_COMPLEX' if request.complex else 0});",
              f"\tin->head.msgh_remote_port = {port.name};",
              f"\tin->head.msgh_local_port = {reply_port.name if reply_port else 'MACH_PORT_NULL'};",
              "\tin->head.msgh_voucher_port = MACH_PORT_NULL;",
              f"\tin->head.msgh_id = {subsystem.base + routine.number};"]
    lines += ["\t" + line for line in fill_request(routine, request)]
    option, timeout = option_of(routine)
    if routine.simple:
        lines += [f"\treturn mig_send(&in->head, {option}, {timeout});", "}", ""]
        return lines
    lines += [f"\tresult_ = mig_call(&in->head, sizeof(message_.out), &{subsystem.name}_subsystem.routines"
              f"[{routine.number}],", f"\t\t\t   {option}, {timeout});",
              "\tif (result_ != KERN_SUCCESS)", "\t\treturn result_;"]
    lines += ["\t" + line for line in take_reply(reply)]
    lines += ["\treturn KERN_SUCCESS;", "}", ""]
    return lines


def source_file(subsystem: Subsystem, source: str, header_name: str) -> str:
    lines = [HEAD.format(source=source), f"#include {header_name}", "#include <stddef.h>", ""]
    for routine in subsystem.routines:
        lines += stub(subsystem, routine)
    return "\n".join(lines)
