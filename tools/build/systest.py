# SPDX-License-Identifier: BSD-2-Clause
"""Programs for the nodes of tests/system: they speak tests/programs/peer.defs."""

from __future__ import annotations

from . import mig
from .ninja import Writer

# One file tests/programs/NAME.c each, sorted.
PROGRAMS: list[str] = [
    "death",
    "exactly_once",
    "hostile",
    "moves",
    "peer",
    "remote_calls",
    "remote_objects",
    "remote_pager",
    "third_party",
]
FLAGS = "-Itests/programs"
DEFS = "tests/programs/peer.defs"


def emit(n: Writer, library: str, generated: list[str]) -> list[str]:
    """After user.emit, whose rules it uses. library: libmach.a."""
    n.comment("programs of tests/system")
    made = [f"build/gen/tests/peer{end}" for end in (".h", "_server.h", "_user.c", "_server.c", "_table.c")]
    n.build(made, "mig", [DEFS], implicit=mig.tool(), header=made[0], sheader=made[1], user=made[2], server=made[3],
            table=made[4], out_first=made[0], header_name="'<tests/peer.h>'", sheader_name="'<tests/peer_server.h>'",
            flags="")

    def compiled(source: str) -> str:
        return n.build(f"build/node/systest/{source.rsplit('/', 1)[1].removesuffix('.c')}.o", "node_cc", [source],
                       order_only=[*generated, *made[:2]], flags=FLAGS)

    stubs = [compiled(source) for source in made[2:]]
    return [n.build(f"build/stripped/tests/{name}", "node_strip",
                    [n.build(f"build/programs/tests/{name}", "node_link", [compiled(f"tests/programs/{name}.c"), *stubs,
                                                                          library])])
            for name in PROGRAMS]
