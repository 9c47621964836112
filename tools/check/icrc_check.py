#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks every RoCEv2 packet of a capture, by the IBTA rules and by nothing of our C code.

  tools/check/icrc_check.py FILE.pcap [--at-least N] [--allow-bad N]

For each IPv4 packet: version and length, header checksum. For each UDP packet to port 4791 besides: UDP length,
base transport header, extended headers by opcode, pad, and the invariant CRC, computed here by its definition
(annex A17.3.3: CRC-32 over eight bytes of ones and the packet from the IPv4 header on, in which the type of
service, the time to live, both checksums and the fifth byte of the BTH count as ones). Prints what is wrong and
a count by opcode; exits 1 if anything is wrong (more than --allow-bad), or fewer than --at-least RoCEv2
packets were there. Reads classic pcap, both byte orders, and pcapng's enhanced packet blocks.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections import Counter
from collections.abc import Iterator

ROCE_PORT = 4791
OPCODES = {  # number: (name, bytes of extended headers, may carry payload)
    0: ("SEND first", 0, True), 1: ("SEND middle", 0, True), 2: ("SEND last", 0, True),
    3: ("SEND last with immediate", 4, True), 4: ("SEND only", 0, True), 5: ("SEND only with immediate", 4, True),
    6: ("WRITE first", 16, True), 7: ("WRITE middle", 0, True), 8: ("WRITE last", 0, True),
    9: ("WRITE last with immediate", 4, True), 10: ("WRITE only", 16, True),
    11: ("WRITE only with immediate", 20, True), 12: ("READ request", 16, False),
    13: ("READ response first", 4, True), 14: ("READ response middle", 0, True),
    15: ("READ response last", 4, True), 16: ("READ response only", 4, True), 17: ("acknowledge", 4, False),
    18: ("atomic acknowledge", 12, False), 19: ("compare and swap", 28, False), 20: ("fetch and add", 28, False),
}


def crc_table() -> list[int]:
    table = []
    for byte in range(256):
        remainder = byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (0xEDB88320 if remainder & 1 else 0)
        table.append(remainder)
    return table


TABLE = crc_table()


def crc32(data: bytes) -> int:
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder = (remainder >> 8) ^ TABLE[(remainder ^ byte) & 0xFF]
    return remainder ^ 0xFFFFFFFF


def ones_sum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data[: len(data) // 2 * 2]))
    if len(data) % 2:
        total += data[-1] << 8
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def invariant_crc(packet: bytes) -> int:
    """packet: from the IPv4 header to before the ICRC."""
    header_length = (packet[0] & 15) * 4
    masked = bytearray(packet)
    masked[1] = masked[8] = 0xFF
    masked[10:12] = b"\xff\xff"
    masked[header_length + 6:header_length + 8] = b"\xff\xff"
    masked[header_length + 8 + 4] = 0xFF
    return crc32(b"\xff" * 8 + bytes(masked))


def frames(raw: bytes) -> Iterator[bytes]:
    """The packets of a pcap or pcapng file, each from its Ethernet header on."""
    magic = raw[:4]
    if magic == b"\x0a\x0d\x0d\x0a":
        order = "<" if raw[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
        at = 0
        while at + 12 <= len(raw):
            kind, length = struct.unpack_from(order + "II", raw, at)
            if kind == 6:
                captured = struct.unpack_from(order + "I", raw, at + 20)[0]
                yield raw[at + 28:at + 28 + captured]
            at += max(length, 12)
        return
    order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    if struct.unpack_from(order + "I", raw, 20)[0] != 1:
        raise ValueError("not a capture of Ethernet")
    at = 24
    while at + 16 <= len(raw):
        captured, original = struct.unpack_from(order + "II", raw, at + 8)
        if captured != original:
            raise ValueError(f"a packet was captured in part ({captured} of {original} bytes)")
        yield raw[at + 16:at + 16 + captured]
        at += 16 + captured


def faults_of_roce(packet: bytes, header_length: int, seen: Counter[str]) -> list[str]:
    found = []
    udp_length = struct.unpack_from(">H", packet, header_length + 4)[0]
    if udp_length != len(packet) - header_length:
        found.append(f"UDP length {udp_length}, IPv4 says {len(packet) - header_length}")
    bth = packet[header_length + 8:]
    if len(bth) < 16:
        return [*found, f"{len(bth)} bytes are too few for a BTH and an ICRC"]
    opcode, flags = bth[0], bth[1]
    pad = flags >> 4 & 3
    if flags & 15:
        found.append(f"transport header version {flags & 15}")
    if opcode not in OPCODES:
        found.append(f"opcode {opcode:#x}")
    else:
        name, extended, payload = OPCODES[opcode]
        seen[name] += 1
        rest = len(bth) - 12 - 4 - extended - pad
        if rest < 0:
            found.append(f"{name}: {-rest} bytes too short")
        elif rest and not payload:
            found.append(f"{name}: {rest} bytes too long")
        if (rest + pad) % 4:
            found.append(f"{name}: payload and pad are {rest + pad} bytes, not a multiple of 4")
    want, got = invariant_crc(packet[:-4]), struct.unpack("<I", packet[-4:])[0]
    if want != got:
        found.append(f"ICRC {got:#010x}, should be {want:#010x}")
    return found


def faults_of(frame: bytes, seen: Counter[str]) -> list[str]:
    if len(frame) < 14 or frame[12:14] != b"\x08\x00":
        return []
    packet = frame[14:]
    if len(packet) < 20 or packet[0] >> 4 != 4 or (packet[0] & 15) < 5:
        return ["no IPv4 header"]
    header_length, total = (packet[0] & 15) * 4, struct.unpack_from(">H", packet, 2)[0]
    if total < header_length or total > len(packet):
        return [f"IPv4 length {total}, the frame has {len(packet)}"]
    packet = packet[:total]
    found = [] if ones_sum(packet[:header_length]) == 0xFFFF else ["IPv4 header checksum"]
    if packet[9] == 17 and total >= header_length + 8:
        if struct.unpack_from(">H", packet, header_length + 2)[0] == ROCE_PORT:
            found += faults_of_roce(packet, header_length, seen)
        elif packet[header_length + 6:header_length + 8] != b"\0\0":
            pseudo = packet[12:20] + struct.pack(">HH", 17, total - header_length)
            if ones_sum(pseudo + packet[header_length:]) != 0xFFFF:
                found.append("UDP checksum")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="check every RoCEv2 packet of a capture")
    parser.add_argument("file")
    parser.add_argument("--at-least", type=int, default=1, metavar="N")
    parser.add_argument("--allow-bad", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    seen: Counter[str] = Counter()
    bad = 0
    try:
        with open(arguments.file, "rb") as f:
            raw = f.read()
        for number, frame in enumerate(frames(raw), 1):
            found = faults_of(frame, seen)
            bad += bool(found)
            for fault in found:
                print(f"frame {number}: {fault}")
    except (OSError, ValueError, struct.error) as error:
        print(f"icrc_check: {arguments.file}: {error}", file=sys.stderr)
        return 1
    for name, count in sorted(seen.items()):
        print(f"{count:8} {name}")
    total = sum(seen.values())
    print(f"{total} RoCEv2 packets, {bad} wrong")
    return int(bad > arguments.allow_bad or total < arguments.at_least)


if __name__ == "__main__":
    sys.exit(main())
