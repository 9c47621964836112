#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Description: the switch alone, fed by sockets: learning, faults from a seed, queues, capture, DHCP, TFTP."""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from report import check, done  # noqa: E402

directory = tempfile.mkdtemp(prefix="meshach-switch-")
os.mkdir(f"{directory}/boot")
with open(f"{directory}/boot/file", "wb") as f:
    f.write(bytes(range(256)) * 10)
switch = subprocess.Popen(["build/meshach-switch", "--dir", directory, "--control", f"{directory}/c", "--ports", "3",
                           "--boot", f"{directory}/boot", "--options", "loglevel=5"], stdout=subprocess.PIPE)
switch.stdout.readline()
control = socket.socket(socket.AF_UNIX)
control.connect(f"{directory}/c")
control_file = control.makefile("rw")


def command(line: str) -> dict:
    control_file.write(line + "\n")
    control_file.flush()
    return json.loads(control_file.readline())


def attach_peer(n: int) -> socket.socket:
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = f"{directory}/n{n}"
    if os.path.exists(path):
        os.unlink(path)
    s.bind(path)
    s.settimeout(0.3)
    return s


peers = {n: attach_peer(n) for n in (1, 2, 3)}
MAC = {n: bytes([2, 0, 0, 0, 0, n]) for n in (1, 2, 3)}
ALL = b"\xff" * 6


def send(n: int, to: bytes, body: bytes, kind: int = 0x88B5) -> None:
    peers[n].sendto(to + MAC[n] + struct.pack("!H", kind) + body, f"{directory}/s{n}")


def receive(n: int) -> bytes | None:
    try:
        return peers[n].recv(70000)
    except socket.timeout:
        return None


def drain(n: int) -> list[bytes]:
    got = []
    while (frame := receive(n)) is not None:
        got.append(frame)
    return got


send(1, ALL, b"hello")
check(receive(2) is not None and receive(3) is not None and receive(1) is None, "SWI0001 a broadcast goes to all others")
send(2, MAC[1], b"answer")
check(receive(1)[14:] == b"answer" and receive(3) is None, "SWI0002 a learned address gets its frames alone")
big = os.urandom(9000)
send(1, MAC[2], big)
check(receive(2)[14:] == big, "SWI0003 a jumbo frame passes unchanged")


def pattern(seed: int) -> list[int]:
    command(f"fault drop=20 dup=10 reorder=10 seed={seed}")
    order = []
    for i in range(200):
        send(1, MAC[2], struct.pack("!I", i))
        if i % 5 == 4:  # a receive queue holds few datagrams
            peers[2].settimeout(0.02)
            order += [struct.unpack("!I", f[14:])[0] for f in drain(2)]
    peers[2].settimeout(0.3)
    order += [struct.unpack("!I", f[14:])[0] for f in drain(2)]
    return order


first, again, other = pattern(7), pattern(7), pattern(8)
check(sorted(first) == sorted(again), "SWI0004 the same seed drops and doubles the same frames")
check(sorted(first) != sorted(other), "SWI0005 another seed other ones")
check(20 < 200 - len(set(first)) < 70, "SWI0006 about the asked part is dropped", len(set(first)))
check(len(first) > len(set(first)) and first != sorted(first), "SWI0007 some are doubled, some out of order")
check("error" in command("fault drop=101"), "SWI0008 an impossible fault is refused")
command("fault drop=0 dup=0 reorder=0")

command("link 2 down")
send(1, MAC[2], b"lost")
check(receive(2) is None, "SWI0009 a cut link carries nothing")
command("link 2 up")

command(f"capture {directory}/out.pcap")
send(1, MAC[2], b"seen")
receive(2)
frames = command("capture-stop")["frames"]
with open(f"{directory}/out.pcap", "rb") as f:
    pcap = f.read()
check(frames == 1 and pcap[:4] == struct.pack("I", 0xA1B23C4D) and pcap.endswith(b"seen"), "SWI0010 capture is pcap")

# A peer that does not read: the queue is bounded, and what was queued arrives once it reads.
for i in range(2000):
    send(1, MAC[2], struct.pack("!I", i))
    if i % 8 == 7:
        time.sleep(0.0005)
time.sleep(0.2)
port = command("ports")["ports"][1]
check(port["queued"] <= 1024 and port["dropped_full"] > 500, "SWI0011 a full port drops and stays bounded", port)
got = [struct.unpack("!I", f[14:])[0] for f in drain(2)]
check(len(got) > 1000 and got == list(range(len(got))), "SWI0012 queued frames arrive in order", len(got))

old = peers[2]
old.close()
peers[2] = attach_peer(2)
send(1, MAC[2], b"new life")
check(receive(2)[14:] == b"new life", "SWI0013 a peer that came back gets frames at once")


def udp(source: int, destination: int, body: bytes, address: int = 0) -> bytes:
    header = struct.pack("!BBHHHBBHII", 0x45, 0, 28 + len(body), 0, 0, 64, 17, 0, address, 0xFFFFFFFF)
    return header + struct.pack("!HHHH", source, destination, 8 + len(body), 0) + body


def answers(n: int, source: int) -> bytes:
    """The body of the next UDP datagram to peer n from the boot server's port."""
    for _ in range(10):
        frame = receive(n)
        if frame is None:
            break
        if frame[12:14] == b"\x08\x00" and source in (0, struct.unpack("!H", frame[34:36])[0]):
            return frame[34:]
    return b""


drain(3)
request = bytes([1, 1, 6, 0]) + b"XIDX" + bytes(20) + MAC[3] + bytes(10 + 192) + bytes.fromhex("63825363 350101 ff")
send(3, ALL, udp(68, 67, request), 0x0800)
offer = answers(3, 67)[8:]
check(offer[16:20] == bytes([10, 77, 0, 3]) and b"boot.ipxe" in offer and b"loglevel=5" in offer,
      "SWI0014 DHCP offers the port's number as address, the script and the kernel options")
send(3, ALL, udp(2000, 69, b"\0\1file\0octet\0blksize\0001024\0", 0x0A4D0003), 0x0800)
ack = answers(3, 0)
check(b"blksize\0001024" in ack, "SWI0015 TFTP takes the block size", ack)
tid = struct.unpack("!H", ack[:2])[0] if ack else 0
data = b""
for block in range(4):
    send(3, ALL, udp(2000, tid, struct.pack("!HH", 4, block), 0x0A4D0003), 0x0800)
    if block < 3:
        data += answers(3, tid)[12:]
check(data == bytes(range(256)) * 10, "SWI0016 TFTP gives the file whole", len(data))
send(3, ALL, udp(2001, 69, b"\0\1../c\0octet\0", 0x0A4D0003), 0x0800)
check(b"no such file" in answers(3, 69), "SWI0017 TFTP gives nothing outside its folder")
for size in range(0, 60):  # truncated and senseless frames
    peers[3].sendto((ALL + MAC[3] + b"\x08\x00" + udp(68, 67, os.urandom(250)))[:size + 14], f"{directory}/s3")
    peers[3].sendto(ALL + MAC[3] + os.urandom(2 + size), f"{directory}/s3")
    time.sleep(0.001)
check(command("ports")["ok"] and switch.poll() is None, "SWI0018 bad frames are ignored")
port = command("attach")
check(port["port"] == 200 and port["address"] == 0x0A4D00C8 and "local" in port, "SWI0019 a process gets a port", port)
command("quit")
check(switch.wait(5) == 0, "SWI0020 it ends when told")
subprocess.run(["rm", "-r", directory])
done()
