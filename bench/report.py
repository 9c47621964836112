# SPDX-License-Identifier: BSD-2-Clause
"""What the bench found, for people (table, ratios, plot) and for programs (JSON)."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

Row = dict[str, object]


@dataclass
class Findings:
    """One run: rows of IPC, floors under them, Linux and GNU Mach beside them."""
    date: str
    machine: str
    fabric: str
    mtu: int
    rows: list[Row] = field(default_factory=list)
    floors: list[Row] = field(default_factory=list)
    peers: list[Row] = field(default_factory=list)

    def write_json(self, path: Path) -> None:
        path.write_text(json.dumps(self.__dict__, indent=1) + "\n")

    def p50(self, kind: str, name: str, placement: str | None = None) -> float | None:
        for row in getattr(self, kind):
            if row["name"] == name and placement in (None, row.get("placement")):
                return float(row["p50_us"])
        return None


@dataclass
class Target:
    """A ratio of two medians of one run that must not be above `most`."""
    text: str
    above: float | None
    below: float | None
    most: float


def targets(f: Findings) -> list[Target]:
    """The ratios that the project has set itself."""
    remote = f.p50("rows", "null rpc separate task", "remote")
    local = f.p50("rows", "null rpc separate task", "local")
    trap, switch = f.p50("floors", "trap"), f.p50("floors", "address-space switch")
    floor = None if trap is None or switch is None else 2 * trap + 2 * switch
    return [
        Target("null rpc across nodes / raw frame echo", remote, f.p50("floors", "frame echo"), 1.6),
        Target("null rpc across nodes / Linux UDP", remote, f.p50("peers", "linux udp 64"),
               0.25 if f.fabric == "vhost" else 0.7),
        Target("null rpc between two tasks / (two traps + two address-space switches)", local, floor, 1.3),
        Target("null rpc between two tasks / Linux pipe", local, f.p50("peers", "linux pipe"), 0.35),
        Target("null rpc between two tasks / GNU Mach's", local, f.p50("peers", "gnumach null rpc separate task"), 0.8),
        Target("zero-fill fault / Linux's", f.p50("rows", "zero fill fault", "local"), f.p50("peers", "linux zero fill fault"), 0.5),
        Target("zero-fill fault / GNU Mach's", f.p50("rows", "zero fill fault", "local"),
               f.p50("peers", "gnumach zero fill fault"), 0.8),
        Target("zero-fill fault with 10,000 entries / with 10", f.p50("rows", "zero fill fault, 10000 entries", "local"),
               f.p50("rows", "zero fill fault, 10 entries", "local"), 1.5),
        Target("null rpc among 1,000 names / few", f.p50("rows", "null rpc, 1000 names", "local"),
               f.p50("rows", "null rpc, few names", "local"), 1.2),
        Target("null rpc among 100,000 names / few", f.p50("rows", "null rpc, 100000 names", "local"),
               f.p50("rows", "null rpc, few names", "local"), 1.2),
        Target("a task made, mapped, run to its exit, waited for / Linux's", f.p50("rows", "task fork+exit+wait", "local"),
               f.p50("peers", "linux fork+exit+wait"), 0.5),
        Target("null rpc within a task / GNU Mach's", f.p50("rows", "null rpc same task", "local"),
               f.p50("peers", "gnumach null rpc same task"), 0.8),
    ]


def table(f: Findings) -> str:
    lines = [f"{f.date}  {f.machine}", f"fabric {f.fabric}, MTU {f.mtu}; microseconds, one round trip unless said", ""]
    for title, kind in (("IPC", "rows"), ("floors", "floors"), ("peers", "peers")):
        rows = getattr(f, kind)
        if not rows:
            continue
        lines.append(f"{title:44} {'median':>10} {'p99':>10} {'n':>8}")
        for row in rows:
            name = f"{row['name']}" + (f" ({row['placement']})" if "placement" in row else "")
            lines.append(f"  {name:42} {float(row['p50_us']):10.2f} {float(row['p99_us']):10.2f} {row.get('n', ''):>8}")
        lines.append("")
    ratios = [t for t in targets(f) if t.above is not None and t.below]
    if ratios:
        lines.append(f"{'targets':76} {'is':>6} {'at most':>8}")
        for t in ratios:
            assert t.above is not None and t.below
            ratio = t.above / t.below
            lines.append(f"  {t.text:74} {ratio:6.2f} {t.most:8.2f}  {'met' if ratio <= t.most else 'MISSED'}")
    return "\n".join(lines)


def plot(f: Findings, path: Path) -> bool:
    """Draw medians (bars) and p99 (points), logarithmic, as SVG. False: there is no gnuplot."""
    if not shutil.which("gnuplot"):
        return False
    bars = [(f"{row['name']}" + (f", {row['placement']}" if "placement" in row else ""), row, colour)
            for kind, colour in (("rows", 1), ("floors", 2), ("peers", 3)) for row in getattr(f, kind)]
    data = "\n".join(f'"{name}" {len(bars) - i} {row["p50_us"]} {row["p99_us"]} {colour}' for i, (name, row, colour) in enumerate(bars))
    script = f"""set terminal svg size 900,{120 + 22 * len(bars)} font 'sans,11' background '#ffffff'
set output '{path}'
set title "Meshach IPC on {f.fabric}, MTU {f.mtu}: median and p99\\n{f.date}, {f.machine}" noenhanced
set logscale x
set xlabel 'microseconds'
set grid x
set key outside bottom horizontal
set yrange [0:{len(bars) + 1}]
set style fill solid 0.8
$data << END
{data}
END
colour(c) = c == 1 ? 0x2060a0 : c == 2 ? 0x909090 : 0xc07020
set label 1 at graph 0,0 ''
set xrange [{min([float(row['p50_us']) for _, row, _ in bars] + [1]) / 3:g}:*]
plot $data using 3:2:({min([float(row['p50_us']) for _, row, _ in bars] + [1]) / 3:g}):3:($2-0.4):($2+0.4):(colour($5)):ytic(1) \\
       with boxxyerror lc rgb variable title 'median (blue: Meshach, grey: floor, brown: peers)', \\
     $data using 4:2 with points pt 7 ps 0.5 lc rgb 'black' title 'p99'
"""
    done = subprocess.run(["gnuplot"], input=script, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        print(done.stdout)
    return done.returncode == 0
