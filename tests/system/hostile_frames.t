#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: a stranger on the fabric sends random, mutated, truncated, forged and replayed frames at two nodes that call each other.

The cluster has a key. Calls go on, each exactly once; no panic, no hang, and the counters tell. HOSTILE_FRAMES=N, SEED=N.
Timeout: 240
"""

import json
import os
import random
import socket
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "tools", "check"))
from icrc_check import frames, ones_sum  # noqa: E402
from nodes import Nodes  # noqa: E402
from report import check  # noqa: E402

FRAMES = int(os.environ.get("HOSTILE_FRAMES", "40000"))
SEED = int(os.environ.get("SEED", "1"))
BATCH = 20
MAC = b"\x52\x54\x00\x4d\xee\xee"
rng = random.Random(SEED)


def icrc(packet: bytes) -> bytes:
    masked = bytearray(packet)
    masked[1] = masked[8] = 0xFF
    masked[10:12] = masked[26:28] = b"\xff\xff"
    masked[32] = 0xFF
    return struct.pack("<I", zlib.crc32(b"\xff" * 8 + bytes(masked)))


def ipv4(body: bytes, source: str, target: int, protocol: int = 17) -> bytes:
    head = bytearray(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0x4000, 64, protocol, 0, socket.inet_aton(source),
                                 socket.inet_aton(f"10.77.0.{target}")))
    head[10:12] = struct.pack(">H", 0xFFFF ^ ones_sum(bytes(head)))
    return bytes(head) + body


def ethernet(target: int, kind: int, body: bytes) -> bytes:
    return bytes((0x52, 0x54, 0, 0x4D, 0, target)) + MAC + struct.pack(">H", kind) + body


def noise(target: int) -> bytes:
    return ethernet(target, rng.choice((0x0800, 0x0806, 0x86DD, rng.randrange(65536))), rng.randbytes(rng.randrange(1, 300)))


def arp(target: int) -> bytes:
    body = bytearray(struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, rng.choice((1, 2)), MAC,
                                 bytes((10, 77, 0, rng.randrange(100, 199))), b"\0" * 6, bytes((10, 77, 0, target))))
    if rng.random() < 0.5:
        body[rng.randrange(8)] ^= 1 << rng.randrange(8)
    return ethernet(target, 0x0806, bytes(body))


def roce(target: int) -> bytes:
    """A packet that is right in form, to a random queue pair, with any opcode and any bytes."""
    bth = struct.pack(">BBHII", rng.randrange(256), 0x40, 0xFFFF, rng.randrange(64 if rng.random() < 0.5 else 1 << 24),
                      rng.randrange(1 << 32))
    payload = bth + rng.randbytes(4 * rng.randrange(80))
    udp = struct.pack(">HHHH", 49152, 4791, 8 + len(payload) + 4, 0) + payload
    packet = ipv4(udp + b"\0" * 4, f"10.77.0.{rng.choice((1, 2, 77, 200))}", target)[:-4]
    return ethernet(target, 0x0800, packet + icrc(packet))


def forged(target: int) -> bytes:
    """A datagram of netipc in a member's name, without the key: hello, connect, probes with gossip of deaths."""
    other = 3 - target
    kind = rng.randrange(1, 8)
    node = 10 << 24 | 77 << 16
    body = struct.pack("<HBBB3sIIQQQQQ", 0x4E4D, 1, kind, 1, b"\0" * 3, node | other, node | target, rng.randrange(1 << 63), 0,
                       0x6D65736861636821, rng.randrange(1 << 63), rng.randrange(2) * rng.randrange(1 << 64))
    body += rng.randbytes(rng.choice((0, 24, 72, 104, 24 + 16 * rng.randrange(17))))
    udp = struct.pack(">HHHH", 49877, 49877, 8 + len(body), 0) + body
    return ethernet(target, 0x0800, ipv4(udp, f"10.77.0.{other}", target))


def replayed(_: int) -> bytes:
    return rng.choice(captured)


def mutated(_: int) -> bytes:
    frame = bytearray(rng.choice(captured))
    for _ in range(rng.randrange(1, 5)):
        frame[rng.randrange(14, len(frame))] = rng.randrange(256)
    return bytes(frame)


def truncated(_: int) -> bytes:
    frame = rng.choice(captured)
    return frame[:rng.randrange(14, len(frame))]


n = Nodes(2, "all server bin/peer\nall once bin/exactly_once 1 2 40000 40\n", ["peer", "exactly_once"],
          append="cluster.key=00112233445566778899aabbccddeeff")
path = f"{n.directory}/some.pcap"
n.meshach("capture", path)
n.wait(1, "^ok 3 ", 60)
n.meshach("capture", "stop")
with open(path, "rb") as f:
    # With an address of its own: who takes the others' Ethernet addresses cuts their cables, which is another test.
    captured = [x[:6] + MAC + x[12:] for x in frames(f.read()) if x[12:14] == b"\x08\x00" and 60 < len(x)][:20000]
control = socket.socket(socket.AF_UNIX)
control.connect(f"{n.directory}/switch")
control.sendall(b"attach\n")
port = json.loads(control.makefile().readline())
check("remote" in port and len(captured) > 1000, "HOSTILE0001 a stranger is on the fabric and has frames to replay", port)
wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
wire.setblocking(False)
wire.bind(port["local"])
kinds = (noise, arp, roce, roce, forged, forged, replayed, mutated, mutated, truncated)
before, sent = n.ports(), 0
limit = time.monotonic() + 60
while sent < FRAMES and time.monotonic() < limit:
    for _ in range(BATCH):
        try:
            wire.sendto(rng.choice(kinds)(rng.choice((1, 2))), port["remote"])
            sent += 1
        except BlockingIOError:
            time.sleep(0.01)
    try:
        while True:
            wire.recv(65536)
    except BlockingIOError:
        time.sleep(0.002)
print(f"# {sent} hostile frames, {len(captured)} to replay, seed {SEED}")
check(sent > FRAMES / 2, "HOSTILE0002 they were sent", sent)
n.judge(1, "calls among hostile frames", 150)
n.finish()
