# SPDX-License-Identifier: BSD-2-Clause
"""netipc's programs on the host that are no tests themselves, and its fuzzers."""

from __future__ import annotations

from . import unit
from .ninja import Writer

# Program in build/tools -> its source files, beside the transport's. With sanitizers.
TOOLS: dict[str, list[str]] = {
    "roce_capture": ["tests/proto/roce_capture.c", "tests/unit/roce/net.c"],
}


def emit(n: Writer, generated: list[str]) -> list[str]:
    n.comment("netipc's tools for tests")
    targets = []
    for name, sources in TOOLS.items():
        objects = [n.build(f"build/host/{source.rsplit('.', 1)[0]}.o", "host_cc", [source], order_only=generated)
                   for source in [*sources, *unit.ROCE]]
        targets.append(n.build(f"build/tools/{name}", "host_link", objects))
    return targets
