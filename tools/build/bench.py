# SPDX-License-Identifier: BSD-2-Clause
"""The bench's program for our nodes; what it measures is in bench/programs."""

from __future__ import annotations

from . import mig
from .ninja import Writer

# Programs that speak ipc_perf.defs: the bench's, and the test of very many calls.
PROGRAMS: dict[str, str] = {
    "ipc_perf": "bench/programs/ipc_perf.c",
    "pager_perf": "bench/programs/pager_perf.c",
    "port_perf": "bench/programs/port_perf.c",
    "sched_perf": "bench/programs/sched_perf.c",
    "soak": "tests/programs/soak.c",
    "task_perf": "bench/programs/task_perf.c",
    "vm_perf": "bench/programs/vm_perf.c",
}
FLAGS = "-Ibench/programs"


def emit(n: Writer, library: str, generated: list[str]) -> list[str]:
    """After user.emit, whose rules it uses. library: libmach.a."""
    n.comment("the bench's programs")
    header, sheader, user, server, table = (f"build/gen/bench/ipc_perf{end}" for end in
                                            (".h", "_server.h", "_user.c", "_server.c", "_table.c"))
    n.build([header, sheader, user, server, table], "mig", ["bench/programs/ipc_perf.defs"], implicit=mig.tool(),
            header=header, sheader=sheader, user=user, server=server, table=table, out_first=header,
            header_name="'<bench/ipc_perf.h>'", sheader_name="'<bench/ipc_perf_server.h>'", flags="")

    def compiled(source: str) -> str:
        return n.build(f"build/node/bench/{source.rsplit('/', 1)[1].removesuffix('.c')}.o", "node_cc", [source],
                       order_only=[*generated, header, sheader], flags=FLAGS)

    stubs = [compiled(source) for source in (user, server, table)]
    return [n.build(f"build/programs/{name}", "node_link", [compiled(source), *stubs, library])
            for name, source in PROGRAMS.items()]
