#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the meshach command itself, with the least kernel: boot by PXE, numbering, errors, nothing left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from report import ROOT, check, done  # noqa: E402
from cluster import Cluster  # noqa: E402

image = tempfile.mkdtemp(prefix="meshach-i-")


def make_kernel(says: str) -> None:
    subprocess.run(["gcc", "-m32", "-c", f'-DSAYS="{says}"', str(ROOT / "tests/system/fixture.S"), "-o", f"{image}/k.o"],
                   check=True)
    subprocess.run(["ld", "-m", "elf_i386", "-N", "-Ttext", "0x100000", f"{image}/k.o", "-o", f"{image}/meshach.elf"],
                   check=True, stderr=subprocess.DEVNULL)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def newc(name: str, data: bytes, mode: int = 0o100644) -> bytes:
    head = "070701" + "".join(f"{v:08x}" for v in (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0))
    record = head.encode() + name.encode() + b"\0"
    record += bytes(-len(record) % 4) + data
    return record + bytes(-len(record) % 4)


shutil.copy("build/boot.ipxe", image)
for name in ("meshach-switch", "meshach-switch-vhost"):
    os.symlink(ROOT / "build" / name, f"{image}/{name}")
with open(f"{image}/boot.cpio", "wb") as f:
    f.write(newc("one", b"1") + newc("TRAILER!!!", b"", 0))
make_kernel(r"\nrunner: ready\n")
c = Cluster(image)

r = c.meshach("status")
check(r.returncode == 1 and "no cluster is up" in r.stderr and r.stderr.count("\n") == 1, "LAU0001 not up: one line", r.stderr)
r = c.meshach("up", "--nodes", "many")
check(r.returncode == 1 and "--nodes" in r.stderr and r.stderr.count("\n") == 1, "LAU0002 a bad number: one line", r.stderr)
r = c.meshach("--frobnicate")
check(r.returncode == 2 and "no option '--frobnicate'" in r.stderr, "LAU0003 an unknown option is named", r.stderr)
r = subprocess.run(["build/meshach", "bench", "--fabric", "none"], capture_output=True, text=True, cwd=ROOT)
check(r.returncode == 2 and "'none'" in r.stderr, "LAU0043 bench has the options that follow it", r.stderr)
for lend, wrong in (("3:64", "--lend 3: there are only 2 nodes"), ("2", "wants NODE:MIB, not '2'"), ("2:x", "wants a number"),
                    ("2:999", "999 MiB of 256 for 1 nodes")):
    r = c.meshach("up", "--nodes", "2", "--lend", lend)
    check(r.returncode == 1 and wrong in r.stderr, f"LAU0042 --lend {lend} is refused", r.stderr)
r = subprocess.run([*c.base, "up"], capture_output=True, text=True, env=dict(os.environ, PATH="/nonexistent"))
check(r.returncode == 1 and "no QEMU" in r.stderr and r.stderr.count("\n") == 1, "LAU0004 no QEMU: one line", r.stderr)
r = c.meshach("up", "--add", "/nonexistent/file")
check(r.returncode == 1 and "/nonexistent/file" in r.stderr, "LAU0005 a file to add that is not there is named", r.stderr)

added = f"{image}/added"
with open(added, "wb") as f:
    f.write(b"bytes of a program")
r = c.meshach("up", "--nodes", "3", "--memory", "64", "--accel", "tcg", "--append", "loglevel=2", "--add", added)
check(r.returncode == 0 and "3 nodes are up" in r.stdout, "LAU0006 three nodes boot by PXE", r.stdout + r.stderr)
s = c.status()
check([n["ip"] for n in s["nodes"]] == ["10.77.0.1", "10.77.0.2", "10.77.0.3"], "LAU0007 node N leased address N", s)
check(all(f"node.ip=10.77.0.{n} node.mask=255.255.255.0 loglevel=2" in c.log(n) for n in (1, 2, 3)),
      "LAU0008 address and options reach the kernel through one script", c.log(1))
with open(f"{c.directory}/boot/boot.cpio", "rb") as f:
    archive = f.read()
check(newc("programs/added", b"bytes of a program", 0o100755) in archive and newc("one", b"1") in archive,
      "LAU0009 an added file is in the boot archive")
check(all(os.path.exists(n["log"]) for n in s["nodes"]), "LAU0010 status says where the logs are")
r = c.meshach("up")
check(r.returncode == 1 and "already" in r.stderr, "LAU0011 a second cluster in the same place is refused", r.stderr)
r = c.meshach("console", "2")
check("runner: ready" in r.stdout and r.returncode == 0, "LAU0012 console shows what the node said", r.stdout)
check("error" not in c.meshach("kill", "2").stderr and c.status()["nodes"][1]["state"] == "ended", "LAU0013 kill ends a node")
check("not running" in c.meshach("kill", "2").stderr, "LAU0014 a dead node cannot be killed again")
c.meshach("start", "2")
limit = time.monotonic() + 30
while c.status()["nodes"][1]["state"] != "up" and time.monotonic() < limit:
    time.sleep(0.2)
check(c.status()["nodes"][1]["state"] == "up" and c.status()["nodes"][1]["starts"] == 2, "LAU0015 start boots it again", c.status())
pids = [s["supervisor"], s["switch"]] + [n["pid"] for n in c.status()["nodes"]]
r = c.meshach("down", "--json")
check(r.returncode == 0 and json.loads(r.stdout)["ok"], "LAU0016 down")
time.sleep(0.1)
check(not c.processes() and not any(map(alive, pids)), "LAU0017 down leaves no process", c.processes())

up = c.start("up", "--nodes", "2", "--memory", "64", "--accel", "tcg")
time.sleep(1.0)
up.send_signal(signal.SIGINT)
up.wait(30)
check(up.returncode == 130 and not c.processes(), "LAU0018 Ctrl-C while booting leaves no process", c.processes())
up = c.start("up", "--nodes", "2", "--memory", "64", "--accel", "tcg")
time.sleep(1.0)
up.kill()
up.wait()
time.sleep(1.0)
check(not c.processes(), "LAU0019 nor does kill -9 of `up`", c.processes())
up = c.start("up", "--nodes", "1", "--memory", "64", "--accel", "tcg", "--foreground")
while "up;" not in (up.stdout.readline() or "up;"):
    pass
up.send_signal(signal.SIGINT)
up.wait(30)
check(not c.processes(), "LAU0020 nor Ctrl-C of `up --foreground`", c.processes())
c.meshach("up", "--nodes", "1", "--memory", "64", "--accel", "tcg")
os.kill(c.status()["supervisor"], signal.SIGKILL)
time.sleep(0.5)
check(not c.processes(), "LAU0021 the children die with the supervisor", c.processes())
check("no cluster" in c.meshach("status").stderr, "LAU0022 and the cluster is not up")

c.meshach("up", "--nodes", "1", "--memory", "64", "--accel", "tcg")
subprocess.run(["rm", "-r", c.directory])
limit = time.monotonic() + 10
while c.processes() and time.monotonic() < limit:
    time.sleep(0.2)
check(not c.processes(), "LAU0030 a cluster whose directory is removed ends", c.processes())

if os.path.exists("build/meshach-switch-vhost"):
    r = c.meshach("up", "--nodes", "2", "--memory", "64", "--accel", "tcg", "--fabric", "vhost")
    check(r.returncode == 0 and c.status()["fabric"] == "vhost", "LAU0026 nodes boot over the vhost fabric", r.stderr)
    c.meshach("kill", "2")
    c.meshach("start", "2")
    limit = time.monotonic() + 30
    while c.status()["nodes"][1]["state"] != "up" and time.monotonic() < limit:
        time.sleep(0.2)
    check(c.status()["nodes"][1]["state"] == "up", "LAU0027 a node comes back on the vhost fabric", c.status())
    before = cpu_seconds(c.status()["switch"])
    time.sleep(2)
    used = cpu_seconds(c.status()["switch"]) - before
    check(used < 0.2, "LAU0028 the vhost switch sleeps when idle", f"{used} s of 2 s")
    c.meshach("down")
    check(not c.processes(), "LAU0029 and goes", c.processes())
else:
    print("# no DPDK: the vhost fabric is not tried")

make_kernel(r"\nthe last words\n")
r = c.meshach("up", "--nodes", "1", "--memory", "64", "--accel", "tcg", "--timeout", "6")
check(r.returncode == 1 and "node 1 did not boot" in r.stderr and "the last words" in r.stderr and not c.processes(),
      "LAU0023 a node that hangs: its last lines, and all is down", r.stderr)
r = c.meshach("up", "--nodes", "1", "--memory", "64", "--accel", "tcg", "--append", "!")
check(r.returncode == 1 and "ended with status 3" in r.stderr, "LAU0024 a node that stops: its status", r.stderr)
os.unlink(f"{image}/boot.cpio")
r = c.meshach("up")
check(r.returncode == 1 and "boot.cpio is not there" in r.stderr, "LAU0025 no archive: one line", r.stderr)
shutil.rmtree(image)
done()
