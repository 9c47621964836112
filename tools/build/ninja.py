# SPDX-License-Identifier: BSD-2-Clause
"""A writer of readable ninja files; nothing in them names a path of one machine."""

from __future__ import annotations

from collections.abc import Iterable


class Writer:
    """Collects the text of build.ninja; outputs are remembered so that the same object is built once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.made: set[str] = set()

    def comment(self, text: str) -> None:
        self.lines += ["", f"# {text}"]

    def variable(self, name: str, value: str) -> None:
        self.lines.append(f"{name} = {value}")

    def rule(self, name: str, command: str, description: str, **more: str) -> None:
        self.lines += ["", f"rule {name}", f"  command = {command}", f"  description = {description}"]
        self.lines += [f"  {key} = {value}" for key, value in more.items()]

    def build(self, outputs: str | list[str], rule: str, inputs: Iterable[str] = (),
              implicit: Iterable[str] = (), order_only: Iterable[str] = (), **variables: str) -> str:
        """One edge; returns its first output."""
        outs = [outputs] if isinstance(outputs, str) else outputs
        if outs[0] in self.made:
            return outs[0]
        self.made.update(outs)
        line = f"build {' '.join(outs)}: {rule}"
        if inputs := list(inputs):
            line += " " + " ".join(inputs)
        if implicit := list(implicit):
            line += " | " + " ".join(implicit)
        if order_only := list(order_only):
            line += " || " + " ".join(order_only)
        self.lines.append(line)
        self.lines += [f"  {key} = {value}" for key, value in variables.items()]
        return outs[0]

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"
