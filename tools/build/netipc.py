# SPDX-License-Identifier: BSD-2-Clause
"""netipc's programs on the host that are no tests themselves, and its fuzzers."""

from __future__ import annotations

from . import unit
from .ninja import Writer

# Program in build/tools -> its source files, beside the transport's. With sanitizers.
TOOLS: dict[str, list[str]] = {
    "netipc_sim": ["tests/sim/main.c", *unit.SIM, *(s for s in unit.NETIPC if s not in unit.ROCE)],
    "roce_capture": ["tests/proto/roce_capture.c", "tests/unit/roce/net.c"],
    "roce_side": ["netipc/hosted/link_dgram.c", "tests/system/rxe/roce_side.c"],
}

# Test in build/tests -> its source files, beside the transport's.
TESTS: dict[str, list[str]] = {
    "fuzz/fuzz_netipc": ["tests/fuzz/fuzz_netipc.c", *(s for s in unit.NETIPC if s not in unit.ROCE)],
    "fuzz/fuzz_roce": ["tests/fuzz/fuzz_roce.c", "tests/unit/roce/net.c"],
    "hosted/link_dgram": ["netipc/hosted/link_dgram.c", "tests/unit/hosted/link_dgram_test.c"],
    "proto/roce_proto": ["tests/proto/roce_proto_test.c"],
}


def emit(n: Writer, generated: list[str]) -> list[str]:
    n.comment("netipc's tools for tests")
    targets = []
    programs = {f"build/tools/{name}": (sources, "") for name, sources in TOOLS.items()}
    programs |= {f"build/tests/{name}": (sources, "-lcmocka") for name, sources in TESTS.items()}
    for path, (sources, libs) in programs.items():
        objects = [n.build(f"build/host/{source.rsplit('.', 1)[0]}.o", "host_cc", [source], order_only=generated)
                   for source in [*sources, *unit.ROCE]]
        targets.append(n.build(path, "host_link", objects, libs=libs))
    return targets
