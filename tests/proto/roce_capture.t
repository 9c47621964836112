#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: what the RoCE engine puts on the wire is RoCEv2 to two readers that know nothing of it.

tshark finds InfiniBand in every frame to port 4791 and nothing malformed; tools/check/icrc_check.py, which has
its own CRC and its own header rules, finds every ICRC, checksum, length and pad right, and every fault that is
put in here.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from report import check, done  # noqa: E402

KINDS = ["SEND first", "SEND middle", "SEND last", "SEND only", "WRITE first", "WRITE middle", "WRITE last",
         "WRITE last with immediate", "WRITE only", "READ request", "READ response first", "READ response middle",
         "READ response last", "READ response only", "acknowledge"]
directory = tempfile.mkdtemp(prefix="meshach-roce-")


def icrc_check(path: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "tools/check/icrc_check.py", path, *more], capture_output=True, text=True)


def tshark(path: str, *more: str) -> str:
    """Without the guess that a SEND's payload is RPC of NFS: it stumbles over payloads of a few bytes."""
    r = subprocess.run(["tshark", "-n", "-r", path, "--disable-protocol", "rpcordma", *more], capture_output=True, text=True)
    return r.stdout if r.returncode == 0 else f"tshark failed: {r.stderr}"


for mtu in (9000, 1500, 1024):
    path = f"{directory}/{mtu}.pcap"
    made = subprocess.run(["build/tools/roce_capture", path, str(mtu)], capture_output=True, text=True)
    check(made.returncode == 0, f"ROCE0101 a capture is made at link MTU {mtu}", made.stderr)
    result = icrc_check(path, "--at-least", "300")
    check(result.returncode == 0, f"ROCE0102 every ICRC, checksum and length is right at {mtu}", result.stdout)
    missing = [kind for kind in KINDS if f" {kind}\n" not in result.stdout]
    check(not missing, f"ROCE0103 every kind of packet is there at {mtu}", missing)
    for counter in ("rnr_in", "nak_sequence_in", "nak_fatal_in", "retransmitted", "probes"):
        check(f"\n{counter} " in made.stdout, f"ROCE0104 the capture shows {counter} at {mtu}", made.stdout)
    if shutil.which("tshark") is None:
        continue
    sent = tshark(path, "-Y", "udp.dstport == 4791").count("\n")
    read = tshark(path, "-Y", "infiniband.bth.opcode").count("\n")
    check(sent == read and sent > 300, f"ROCE0105 tshark reads all as InfiniBand at {mtu}", f"{read} of {sent}")
    wrong = tshark(path, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-Y",
                   "_ws.malformed || _ws.expert.severity == error || ip.checksum.status == 0 || udp.checksum.status == 0")
    check(wrong == "", f"ROCE0106 tshark finds nothing malformed at {mtu}", wrong[:2000])

with open(f"{directory}/9000.pcap", "rb") as f:
    whole = bytearray(f.read())


def first_roce() -> int:
    """Where the first RoCEv2 frame's Ethernet header is."""
    at = 24
    while True:
        length = struct.unpack_from("<I", whole, at + 8)[0]
        if whole[at + 16 + 12:at + 16 + 14] == b"\x08\x00" and whole[at + 16 + 36:at + 16 + 38] == b"\x12\xb7":
            return at + 16
        at += 16 + length


for name, offset in {"IPv4 checksum": 14 + 10, "TTL (and so the checksum)": 14 + 8, "PSN": 42 + 11, "ICRC": 42 + 12,
                     "UDP length": 34 + 5, "pad": 42 + 1, "opcode": 42}.items():
    broken = bytearray(whole)
    broken[first_roce() + offset] ^= 0x20
    with open(f"{directory}/broken.pcap", "wb") as f:
        f.write(broken)
    result = icrc_check(f"{directory}/broken.pcap")
    check(result.returncode == 1 and " 1 wrong" in result.stdout, f"ROCE0107 the check sees a wrong {name}", result.stdout)

shutil.rmtree(directory)
if shutil.which("tshark") is None:
    print("# SKIP tshark is not installed: ROCE0105, ROCE0106")
done()
