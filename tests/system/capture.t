#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: what two nodes say to each other, at MTU 9000 and 1500, is RoCEv2 to tshark and to icrc_check.

Timeout: 240
"""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from nodes import Nodes  # noqa: E402
from report import check  # noqa: E402

if shutil.which("tshark") is None:
    print("tshark is not installed")
    sys.exit(77)
KINDS = ["SEND only", "READ request", "READ response first", "READ response middle",
         "READ response last", "acknowledge"]


def tshark(path: str, *more: str) -> str:
    r = subprocess.run(["tshark", "-n", "-r", path, "--disable-protocol", "rpcordma", *more], capture_output=True, text=True)
    return r.stdout if r.returncode == 0 else f"tshark failed: {r.stderr}"


for mtu in (1500, 9000):
    n = Nodes(2, "all server bin/peer\nall once bin/exactly_once 1 2 400 8\n", ["peer", "exactly_once"], append=f"net.mtu={mtu}")
    path = f"{n.directory}/run.pcap"
    r = n.meshach("capture", path)
    check(r.returncode == 0, f"CAPTURE0001 a capture is begun, MTU {mtu}", r.stderr)
    n.judge(1, f"calls and memory at MTU {mtu}", 90)
    n.meshach("capture", "stop")
    r = subprocess.run([sys.executable, "tools/check/icrc_check.py", path, "--at-least", "1000"], capture_output=True, text=True)
    check(r.returncode == 0, f"CAPTURE0002 every ICRC, checksum and length is right, MTU {mtu}", r.stdout[-2000:] + r.stderr)
    missing = [kind for kind in KINDS if f" {kind}\n" not in r.stdout]
    check(not missing, f"CAPTURE0003 calls, pulled memory and acknowledgements are in it, MTU {mtu}", f"{missing}\n{r.stdout}")
    sent = tshark(path, "-Y", "udp.dstport == 4791").count("\n")
    read = tshark(path, "-Y", "infiniband.bth.opcode").count("\n")
    check(sent == read and sent > 1000, f"CAPTURE0004 tshark reads all as RoCEv2, MTU {mtu}", f"{read} of {sent}")
    wrong = tshark(path, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y",
                   "_ws.malformed || _ws.expert.severity == error || ip.checksum.status == 0 || udp.checksum.status == 0")
    check(wrong == "", f"CAPTURE0005 tshark finds nothing malformed, MTU {mtu}", wrong[:2000])
    longest = max(map(int, tshark(path, "-Y", "udp.dstport == 4791", "-T", "fields", "-e", "frame.len").split()), default=0)
    check(mtu // 2 < longest - 14 <= mtu if mtu == 1500 else 4096 < longest <= mtu + 14,
          f"CAPTURE0006 the longest frame has {longest} bytes, MTU {mtu}")
    print(f"# MTU {mtu}: {sent} packets")
    if mtu == 1500:
        n.meshach("down")
n.finish()
