# SPDX-License-Identifier: BSD-2-Clause
"""The grammar: tokens -> Subsystem."""

from __future__ import annotations

from dataclasses import replace

from .lexer import MigError, Token
from .model import (DISPOSITIONS, RECEIVED, RIGHTS, SCALARS, Argument, Routine, Subsystem, Translation, Type)

DIRECTIONS = ("in", "out", "inout", "requestport", "replyport", "ureplyport", "sreplyport", "waittime",
              "sendtime", "msgoption")
IMPORTS = {"import": "imports", "uimport": "user_imports", "simport": "server_imports",
           "iimport": "", "dimport": ""}


class Parser:
    """Recursive descent; one method per construct. Keywords are of any case, names are not."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.subsystem = Subsystem("", 0)
        self.number = 0
        self.user_prefix = self.server_prefix = ""
        self.waittime = self.msgoption = ""

    # Tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def fail(self, message: str) -> MigError:
        return MigError(f"{self.token.file}:{self.token.line}: {message}")

    def next(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.at += 1
        return token

    def accept(self, text: str) -> bool:
        token = self.token
        if (token.kind == "symbol" and token.text == text) or (token.kind == "word" and token.text.lower() == text):
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.fail(f"'{text}' expected, '{self.token.text}' found")

    def word(self, what: str = "a name") -> str:
        if self.token.kind != "word":
            raise self.fail(f"{what} expected, '{self.token.text}' found")
        return self.next().text

    def integer(self) -> int:
        """A sum of products of numbers (macros have been expanded)."""
        total = self.product()
        while self.token.text in ("+", "-"):
            total += self.product() if self.next().text == "+" else -self.product()
        return total

    def product(self) -> int:
        value = self.factor()
        while self.accept("*"):
            value *= self.factor()
        return value

    def factor(self) -> int:
        if self.accept("("):
            value = self.integer()
            self.expect(")")
            return value
        if self.token.kind != "number":
            raise self.fail(f"a number expected, '{self.token.text}' found")
        return int(self.next().text, 0)

    # Statements

    def parse(self) -> Subsystem:
        while self.token.kind != "end":
            self.statement()
        if not self.subsystem.name:
            raise self.fail("no subsystem statement")
        self.subsystem.end = self.number
        return self.subsystem

    def statement(self) -> None:
        doc = self.token.doc
        keyword = self.word("a statement").lower()
        if keyword == "subsystem":
            self.subsystem_statement(doc)
        elif keyword == "type":
            self.type_statement()
            return
        elif keyword in ("routine", "simpleroutine"):
            self.routine_statement(keyword == "simpleroutine", doc)
            return
        elif keyword == "skip":
            self.number += self.integer() if self.token.kind == "number" else 1
        elif keyword in IMPORTS:
            token = self.next()
            if token.kind not in ("string", "angle"):
                raise self.fail("a header's name expected")
            if IMPORTS[keyword]:
                getattr(self.subsystem, IMPORTS[keyword]).append(token.text)
        elif keyword == "userprefix":
            self.user_prefix = self.word()
        elif keyword == "serverprefix":
            self.server_prefix = self.word()
        elif keyword == "waittime":
            self.waittime = self.next().text
        elif keyword == "nowaittime":
            self.waittime = ""
        elif keyword == "msgoption":
            self.msgoption = self.option_words()
        elif keyword in ("serverdemux", "error", "rcsid", "usertypelimit", "maxonstack", "useeventlogger"):
            self.next()
        elif keyword == "consumeonsenderror":
            self.next()  # always so here: a stub consumes what it was given to move
        else:
            self.at -= 1
            raise self.fail(f"unknown statement '{self.token.text}'")
        self.expect(";")

    def option_words(self) -> str:
        words = [self.next().text]
        while self.accept("|"):
            words.append(self.next().text)
        text = " | ".join(words)
        return "" if text in ("MACH_MSG_OPTION_NONE", "0") else text

    def subsystem_statement(self, doc: str) -> None:
        words = [self.word("the subsystem's name")]
        while self.token.kind == "word":
            words.append(self.word())
        for modifier in words[:-1]:
            if modifier.lower() not in ("kernelserver", "kerneluser"):
                raise self.fail(f"unknown modifier '{modifier}'")
        if self.subsystem.name:
            raise self.fail("a second subsystem statement")
        self.subsystem.name, self.subsystem.base, self.subsystem.doc = words[-1], self.integer(), doc

    # Types

    def type_statement(self) -> None:
        name = self.word("the type's name")
        self.expect("=")
        made = self.type_options(self.type_spec().named(name))
        self.expect(";")
        self.subsystem.types[name] = made

    def type_options(self, made: Type) -> Type:
        while self.token.kind == "word" and self.token.text.lower() in (
                "ctype", "cusertype", "cservertype", "intran", "outtran", "destructor"):
            keyword = self.word().lower()
            self.expect(":")
            if keyword in ("intran", "outtran"):
                result = self.c_type(stop_at_call=True)
                function = self.word("a function")
                self.expect("(")
                argument = self.c_type()
                self.expect(")")
                translation = Translation(result, function, argument)
                made = (replace(made, intran=translation, server_type=result) if keyword == "intran" else
                        replace(made, outtran=translation, server_type=argument))
            elif keyword == "destructor":
                function = self.word("a function")
                self.expect("(")
                argument = self.c_type()
                self.expect(")")
                made = replace(made, destructor=Translation("void", function, argument))
            else:
                ctype = self.c_type()
                if keyword != "cservertype":
                    made = replace(made, user_type=ctype)
                if keyword != "cusertype" and (keyword == "cservertype" or not (made.intran or made.outtran)):
                    made = replace(made, server_type=ctype)
        return made

    def c_type(self, stop_at_call: bool = False) -> str:
        """Words and stars; the last word is a function's name when stop_at_call."""
        words: list[str] = []
        while self.token.kind == "word" or self.token.text == "*":
            if self.token.kind == "word" and self.tokens[self.at + 1].text == ":":
                break  # the next option
            if stop_at_call and self.token.kind == "word" and self.tokens[self.at + 1].text == "(":
                break
            words.append(self.next().text)
        if not words:
            raise self.fail("a C type expected")
        return " ".join(words)

    def type_spec(self) -> Type:
        if self.accept("^"):
            return self.out_of_line(self.type_spec())
        if self.accept("array"):
            return self.array_spec()
        if self.accept("struct"):
            return self.struct_spec()
        if self.accept("c_string"):
            fixed, count = self.bounds()
            if not count:
                raise self.fail("c_string needs a length")
            return Type("string", "", 1, 1, count, fixed, "char", user_type="char *", server_type="char *")
        if self.accept("("):
            made = self.basic(self.word())
            if self.accept(","):
                self.integer()
            while self.accept(","):
                self.next()
            self.expect(")")
        else:
            made = self.basic(self.word("a type"))
        if self.accept("|"):
            other = self.basic(self.word("a type"))
            if made.kind != "port" or other.kind != "port":
                raise self.fail("'|' joins two port types")
            made = replace(made, received=RECEIVED[other.send])
        return made

    def basic(self, name: str) -> Type:
        if name.lower() == "polymorphic":
            name = "polymorphic"
        if name in DISPOSITIONS:
            disposition = DISPOSITIONS[name]
            return Type("port", name, 16, 8, send=disposition, received=RECEIVED[disposition],
                        element="mach_port_t", user_type="mach_port_t", server_type="mach_port_t")
        if name in RIGHTS and self.token.kind == "angle":
            disposition = RIGHTS[name]
            return Type("port", name, 16, 8, send=disposition, received=RECEIVED[disposition],
                        element="mach_port_t", interface=self.next().text[1:-1],
                        user_type="mach_port_t", server_type="mach_port_t")
        if name in SCALARS:
            size, ctype = SCALARS[name]
            return Type("scalar", name, size, size, element=ctype, user_type=ctype, server_type=ctype)
        if name in self.subsystem.types:
            return self.subsystem.types[name]
        self.at -= 1
        raise self.fail(f"unknown type '{name}'")

    def bounds(self) -> tuple[bool, int]:
        """[N] [*:N] [*] []: (fixed, count)."""
        self.expect("[")
        if self.accept("]"):
            return False, 0
        if self.accept("*"):
            count = self.integer() if self.accept(":") else 0
            self.expect("]")
            return False, count
        count = self.integer()
        self.expect("]")
        return True, count

    def array_spec(self) -> Type:
        fixed, count = self.bounds()
        self.expect("of")
        element = self.type_spec()
        if element.kind == "array" and element.fixed and fixed:  # arrays of arrays are flat
            return replace(element, count=element.count * count)
        if element.kind not in ("scalar", "struct", "port"):
            raise self.fail(f"an array of {element.kind} cannot be sent")
        ctype = element.element if element.kind == "scalar" and not element.user_type else element.user_type
        return Type("array" if element.kind != "port" else "ports", "", element.size, element.align, count,
                    fixed, ctype, element.send, element.received, element.interface,
                    f"{ctype} *", f"{ctype} *")

    def struct_spec(self) -> Type:
        fixed, count = self.bounds()
        self.expect("of")
        element = self.type_spec()
        if not fixed or element.kind not in ("scalar", "struct"):
            raise self.fail("a struct is struct[N] of a scalar")
        return Type("struct", "", element.size * count, element.align)

    def out_of_line(self, inner: Type) -> Type:
        if inner.kind == "array":
            return replace(inner, kind="memory")
        if inner.kind == "ports":
            return inner
        if inner.kind in ("scalar", "struct"):
            return Type("memory", "", inner.size, inner.align, 1, True, inner.user_type,
                        user_type=f"{inner.user_type} *", server_type=f"{inner.user_type} *")
        raise self.fail(f"a {inner.kind} cannot go out of line")

    # Routines

    def routine_statement(self, simple: bool, doc: str) -> None:
        if not self.subsystem.name:
            raise self.fail("a routine before the subsystem statement")
        routine = Routine(self.word("the routine's name"), simple, self.number, doc=doc,
                          user_prefix=self.user_prefix, server_prefix=self.server_prefix,
                          waittime=self.waittime, msgoption=self.msgoption)
        self.expect("(")
        while not self.accept(")"):
            routine.arguments.append(self.argument())
            if not self.accept(";") and self.token.text != ")":
                raise self.fail(f"';' or ')' expected, '{self.token.text}' found")
        self.expect(";")
        self.check_routine(routine)
        self.subsystem.routines.append(routine)
        self.number += 1

    def argument(self) -> Argument:
        direction = "in"
        if self.token.text.lower() in DIRECTIONS and self.tokens[self.at + 1].text != ":":
            direction = self.word().lower()
        name = self.word("the argument's name")
        self.expect(":")
        if self.tokens[self.at + 1].text == "=":  # name : ctype = spec
            ctype = self.word()
            self.expect("=")
            made = self.type_spec().named(ctype)
        else:
            made = self.type_spec()
        argument = Argument(name, direction, made)
        while self.accept(","):
            self.argument_flag(argument)
        return argument

    def argument_flag(self, argument: Argument) -> None:
        flag = self.word("a flag").lower()
        if flag == "dealloc":
            argument.dealloc = "yes"
            if self.accept("["):
                self.expect("]")
                argument.dealloc = "given"
        elif flag == "countinout":
            argument.count_in_out = True
        elif flag == "const":
            argument.const = True
        elif flag not in ("servercopy", "physicalcopy", "auto", "islong", "isnotlong", "notdealloc"):
            raise self.fail(f"unknown flag '{flag}'")

    def check_routine(self, routine: Routine) -> None:
        request = routine.one("requestport")
        if request is None:
            request = routine.arguments[0] if routine.arguments else None
            if request is None or request.type.kind != "port" or request.direction != "in":
                raise self.fail(f"{routine.name}: the first argument must be the request port")
            request.direction = "requestport"
        names: set[str] = set()
        for argument in routine.arguments:
            if argument.name in names:
                raise self.fail(f"{routine.name}: two arguments named {argument.name}")
            names.add(argument.name)
            if argument.is_out and routine.simple:
                raise self.fail(f"{routine.name}: a simpleroutine has no out arguments")
            if argument.type.variable and not argument.type.count:
                raise self.fail(f"{routine.name}: {argument.name}: an inline array needs a limit: [*:N], or ^array[]")
            if argument.type.kind == "ports" and argument.type.received < 0:
                raise self.fail(f"{routine.name}: {argument.name}: an array of rights needs one disposition")
            if argument.direction == "inout" and argument.type.descriptor:
                raise self.fail(f"{routine.name}: {argument.name}: rights and memory go in or out, not both")
