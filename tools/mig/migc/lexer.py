# SPDX-License-Identifier: BSD-2-Clause
"""Tokens of a preprocessed .defs file."""

from __future__ import annotations

import re
from dataclasses import dataclass


class MigError(Exception):
    """A fault of the input, with its place."""


@dataclass(frozen=True)
class Token:
    kind: str  # "word", "number", "string", "angle", "symbol", "end"
    text: str
    file: str
    line: int
    doc: str = ""  # the documentation comment that came before it


TOKEN = re.compile(
    r"""(?P<marker>^\#\s*(?:line\s+)?(?P<mline>\d+)\s+"(?P<mfile>[^"]*)"[^\n]*$)
      | (?P<hash>^\#[^\n]*$)
      | (?P<newline>\n)
      | (?P<space>[ \t\r\f]+)
      | (?P<comment>/\*.*?\*/|//[^\n]*)
      | (?P<number>0[xX][0-9a-fA-F]+|\d+)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>"[^"\n]*")
      | (?P<angle><[A-Za-z0-9_./+-]+>)
      | (?P<symbol>[;:,=()\[\]{}^|*+.-])
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


def doc_text(comment: str) -> str:
    """The text of a documentation comment, without its stars."""
    lines = [line.strip().lstrip("*").strip() for line in comment[3:-2].split("\n")]
    return "\n".join(lines).strip()


def tokens(text: str, file: str) -> list[Token]:
    found: list[Token] = []
    line, doc, position = 1, "", 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise MigError(f"{file}:{line}: unexpected character {text[position]!r}")
        kind, value = match.lastgroup or "", match.group(0)
        position = match.end()
        if kind == "mfile":
            kind = "marker"
        if match.group("marker"):
            file, line = match.group("mfile"), int(match.group("mline")) - 1
        elif kind == "newline":
            line += 1
        elif kind == "comment":
            if value.startswith("/**"):
                doc = doc_text(value)
            line += value.count("\n")
        elif kind in ("space", "hash"):
            pass
        else:
            found.append(Token(kind, value, file, line, doc))
            doc = ""
    found.append(Token("end", "end of file", file, line))
    return found
