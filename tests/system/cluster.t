#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: three booted nodes: programs run on them, calls, rights and deaths across them, and what is on the wire.

Timeout: 900
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from report import check, done  # noqa: E402
from cluster import Cluster  # noqa: E402

DROPPED_CALLS = 100000
DEATH_SECONDS = 5.0
BAD_LINE = re.compile(r"WARN:|PANIC:|LOCK-ORDER:")
PROGRAMS = "build/stripped"

folder = tempfile.mkdtemp(prefix="meshach-c-")


def compile_program(name: str, *sources: str) -> str:
    out = f"{folder}/{name}"
    subprocess.run(["build/sdk/bin/meshach-cc", "-O2", *sources, "-o", out], check=True)
    return out


def lines_until(process: subprocess.Popen, text: str) -> str:
    """All of a program's output up to the line that has text, or to its end."""
    lines = ""
    for line in process.stdout:
        lines += line
        if text in line:
            break
    return lines


def write(name: str, text: str) -> str:
    with open(f"{folder}/{name}", "w") as f:
        f.write(text)
    return f"{folder}/{name}"


def wait_for_line(process: subprocess.Popen, text: str) -> str:
    """The next line of a program's output that has text; "" at its end."""
    for line in process.stdout:
        if text in line:
            return line
    return ""


def value_of(result: subprocess.CompletedProcess) -> int:
    found = re.search(r"counter: (-?\d+)", result.stdout)
    return int(found.group(1)) if found else -1


c = Cluster()
r = c.meshach("up", "--nodes", "3", "--memory", "128")
if not check(r.returncode == 0, "CLU0001 three nodes boot by PXE and are one cluster", r.stdout + r.stderr):
    done()

# ---- programs ----
for node in (1, 2, 3):
    r = c.meshach("run", "--on", str(node), f"{PROGRAMS}/hello")
    check(r.returncode == 0 and f"node 10.77.0.{node}" in r.stdout, f"CLU0002 a program says hello on node {node}",
          r.stdout + r.stderr)
r = subprocess.run(["setarch", "-R", *c.base, "run", "--on", "2", f"{PROGRAMS}/hello"], capture_output=True, text=True, timeout=180, check=False)
check(r.returncode == 0 and "node 10.77.0.2" in r.stdout, "CLU0070 also when this host's addresses are not randomised (its stack then lies at the top)",
      r.stdout + r.stderr)
status = compile_program("status", write("status.c", """
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
	if (argc == 2 && argv[1][0] == 'c')
		*(volatile int *)8 = 1;
	for (int i = 1; i < argc; i++)
		printf("[%s]", argv[i]);
	fprintf(stderr, "errors");
	return 7;
}
"""))
r = c.meshach("run", "--on", "2", status, "one", "", "two words")
check(r.returncode == 7 and r.stdout == "[one][][two words]" and "errors" in r.stderr,
      "CLU0003 arguments go there, output, errors and exit status come back", f"{r.returncode} {r.stdout} {r.stderr}")
r = c.meshach("run", "--on", "2", status, "crash")
check(r.returncode == 128 + signal.SIGSEGV and "signal 11" in r.stderr, "CLU0004 a fault ends the program, and says so", r.stderr)
r = c.meshach("run", "--on", "2", "--json", status, "x")
check(json.loads(r.stdout or "{}") == {"node": 2, "status": 7, "stdout": "[x]", "stderr": "errors"}, "CLU0005 --json", r.stdout)
lines = compile_program("lines", write("lines.c", """
#include <stdio.h>
int main(void)
{
	for (int i = 0; i < 20000; i++)
		printf("line %d\\n", i);
	return 0;
}
"""))
r = c.meshach("run", "--on", "3", lines)
check(r.stdout == "".join(f"line {i}\n" for i in range(20000)), "CLU0006 long output comes whole and in order",
      f"{len(r.stdout)} bytes, status {r.returncode} {r.stderr}")
plain = f"{folder}/plain"
subprocess.run(["musl-gcc", "-static", f"{folder}/lines.c", "-o", plain], check=True)
r = c.meshach("run", "--on", "1", plain)
check(r.stdout.endswith("line 19999\n"), "CLU0007 a static program that knows nothing of Mach runs, too", r.stderr)
for name, words, wanted in (
        ("CLU0008 no such node", ["--on", "9", status], "no node 9"),
        ("CLU0009 no program", ["--on", "1", write("text", "no program\n")], "no static x86-64 program"),
        ("CLU0010 no file", ["--on", "1", "/nonexistent/x"], "/nonexistent/x: No such file"),
        ("CLU0011 no node named", [status], "--on NODE")):
    r = c.meshach("run", *words)
    check(r.returncode == 1 and wanted in r.stderr and r.stderr.count("\n") == 1, name + ": one line", r.stderr)

# ---- calls across nodes, captured ----
capture = f"{folder}/run.pcap"
c.meshach("capture", capture)
server = c.start("run", "--on", "3", f"{PROGRAMS}/counter-server")
check(wait_for_line(server, "serving") != "", "CLU0012 a server runs on node 3")
check(value_of(c.meshach("run", "--on", "1", f"{PROGRAMS}/counter", "5", "100")) == 500, "CLU0013 node 1 calls it")
check(value_of(c.meshach("run", "--on", "2", f"{PROGRAMS}/counter", "1", "1")) == 501, "CLU0014 and node 2 the same one")
c.meshach("capture", "stop")
if shutil.which("tshark"):
    tshark = ["tshark", "-n", "-r", capture]
    shown = subprocess.run([*tshark, "-Y", "infiniband", "-T", "fields", "-e", "frame.number"],
                           capture_output=True, text=True).stdout.split()
    bad = subprocess.run([*tshark, "-Y", "_ws.malformed || _ws.expert.severity == error"],
                         capture_output=True, text=True).stdout
    check(len(shown) > 200 and not bad, "CLU0015 tshark reads it as RoCEv2, nothing malformed", f"{len(shown)} frames\n{bad}")
else:
    print("# no tshark: CLU0015 is not tried")
r = subprocess.run(["python3", "tools/check/icrc_check.py", capture], capture_output=True, text=True)
check(r.returncode == 0, "CLU0016 every ICRC is right, by code that the sender does not share", r.stdout[-2000:] + r.stderr)

# ---- a lossy fabric ----
c.meshach("fault", "drop=1", "seed=5")
before = value_of(c.meshach("run", "--on", "1", f"{PROGRAMS}/counter", "0"))
started = time.monotonic()
after = value_of(c.meshach("run", "--on", "1", f"{PROGRAMS}/counter", "1", str(DROPPED_CALLS), timeout=600))
ports = {p["port"]: p for p in c.status()["switch_ports"]}
c.meshach("fault", "drop=0")
check(after - before == DROPPED_CALLS, f"CLU0017 {DROPPED_CALLS} calls with 1 % of frames dropped: each exactly once",
      f"from {before} to {after}")
print(f"# {time.monotonic() - started:.0f} s, {ports[1]['dropped_fault'] + ports[3]['dropped_fault']} frames dropped")
c.meshach("fault", "dup=3", "reorder=3", "seed=6")
more = value_of(c.meshach("run", "--on", "2", f"{PROGRAMS}/counter", "1", "5000"))
c.meshach("fault", "dup=0", "reorder=0")
check(more - after == 5000, "CLU0018 doubled and reordered frames do no harm", f"from {after} to {more}")

# ---- Ctrl-C ends the program there ----
server.send_signal(signal.SIGINT)
server.wait(20)
check(server.returncode == 130, "CLU0019 Ctrl-C ends `run`", server.returncode)
server = c.start("run", "--on", "2", f"{PROGRAMS}/counter-server")
check(wait_for_line(server, "serving") != "", "CLU0020 and the program: its name is free again")
server.send_signal(signal.SIGINT)
server.wait(20)

# ---- third parties and death ----
party = compile_program("party", "tests/system/programs/party.c", "tests/system/programs/party.defs")
b = c.start("run", "--on", "2", party, "serve", "B")
home = c.start("run", "--on", "3", party, "serve", "C")
check(wait_for_line(b, "serves") != "" and wait_for_line(home, "serves") != "", "CLU0021 B on node 2, C on node 3")
for round_number in (1, 2):
    r = c.meshach("run", "--on", "1", party, "third", "B", "C")
    check("good 100 pings 100 no-senders before 0 after 1" in r.stdout,
          f"CLU0022 A hands B a right to C's port and forgets it: it works, and counts are exact ({round_number})",
          r.stdout + r.stderr)
watchers = [c.start("run", "--on", str(node), party, "watch", "C") for node in (1, 2)]
check(all(wait_for_line(w, "watching") for w in watchers), "CLU0023 nodes 1 and 2 watch a port of node 3, and call it")
killed = time.monotonic()
c.meshach("kill", "3")
said = {}
for node, w in zip((1, 2), watchers):
    said[node] = lines_until(w, "dead name")
    took = time.monotonic() - killed
    check("dead name" in said[node] and took < DEATH_SECONDS, f"CLU0024 node {node} sees a dead name within {DEATH_SECONDS:.0f} s", f"{took:.1f} s")
    print(f"# {took:.1f} s")
for node, w in zip((1, 2), watchers):
    rest = w.stdout.read()  # not communicate(), which would miss what lines_until() has read ahead
    w.wait(20)
    # Which of the two is told first is not said anywhere.
    check("the call ended" in said[node] + rest and w.returncode == 0, f"CLU0025 and its caller on node {node} an error",
          said[node] + rest)
home.wait(20)
check("node 3 died" in home.stderr.read() and home.returncode == 1, "CLU0026 `run` says that its node died")
server = c.start("run", "--on", "2", f"{PROGRAMS}/counter-server")
wait_for_line(server, "serving")
check(value_of(c.meshach("run", "--on", "1", f"{PROGRAMS}/counter", "1", "100")) == 100, "CLU0027 the others go on")
server.send_signal(signal.SIGINT)
server.wait(20)
c.meshach("start", "3")
limit = time.monotonic() + 60
while c.status()["nodes"][2]["state"] != "up" and time.monotonic() < limit:
    time.sleep(0.3)
r = c.meshach("run", "--on", "3", f"{PROGRAMS}/hello")
check("node 10.77.0.3" in r.stdout, "CLU0028 node 3 comes back as a new incarnation", r.stdout + r.stderr + c.log(3)[-1000:])

# ---- the end ----
down = time.monotonic()
c.meshach("down")
b.wait(20)
check("the cluster went down" in b.stderr.read() and b.returncode == 1, "CLU0029 `run` says that the cluster went down")
check(not c.processes(), "CLU0030 nothing is left running", c.processes())
bad = [line for n in (1, 2, 3) for line in c.log(n).splitlines() if BAD_LINE.search(line)]
check(not bad, "CLU0031 no kernel warned or panicked", "\n".join(bad))
shutil.rmtree(folder)
done()
