#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The demo: three machines boot over the network, and a program on node 1 calls a server on node 3.

Run by `./configure.py demo`. Each step is a command of build/meshach, shown as one would type it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = "build/programs"
STEP_SECONDS = 120


class Failed(Exception):
    """A step did not do what it should; the text says which."""


class Demo:
    def __init__(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="meshach-demo-")
        self.server: subprocess.Popen[str] | None = None
        self.started = time.monotonic()

    def base(self) -> list[str]:
        return ["build/meshach", "--dir", self.directory]

    def say(self, text: str) -> None:
        print(f"\n{text}", flush=True)

    def show(self, *words: str) -> None:
        print(f"  $ meshach {' '.join(words)}", flush=True)

    def meshach(self, *words: str) -> str:
        """Run a command and print its output; returns it."""
        self.show(*words)
        done = subprocess.run([*self.base(), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=STEP_SECONDS)
        for line in done.stdout.splitlines():
            print(f"  {line}", flush=True)
        if done.returncode:
            raise Failed(f"`meshach {' '.join(words)}` ended with status {done.returncode}")
        return done.stdout

    def up(self) -> None:
        """As meshach(), but with its progress as it comes."""
        words = ["up", "--nodes", "3", "--memory", "128"]
        self.show(*words)
        with subprocess.Popen([*self.base(), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(f"  {line.rstrip()}", flush=True)
        if process.returncode:
            raise Failed("the cluster did not come up")

    def start_server(self) -> None:
        words = ["run", "--on", "3", f"{PROGRAMS}/counter-server"]
        self.show(*words, "&")
        self.server = subprocess.Popen([*self.base(), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, text=True)
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        print(f"  {line.rstrip()}", flush=True)
        if "serving" not in line:
            raise Failed("the server on node 3 did not start")

    def expect(self, output: str, text: str) -> None:
        if text not in output:
            raise Failed(f"expected '{text}' and got '{output.strip()}'")

    def run(self) -> None:
        self.say("Three virtual machines boot over their network cards (DHCP, TFTP), from one kernel and one archive:")
        self.up()
        self.say("A program of this machine runs on each of them:")
        for node in (1, 2, 3):
            self.expect(self.meshach("run", "--on", str(node), f"{PROGRAMS}/hello"), f"10.77.0.{node}")
        self.say("A server (examples/counter/server.c) starts on node 3 and registers the name `counter`:")
        self.start_server()
        self.say("A client on node 1 looks the name up, gets a port, and calls it as if the server were there;\n"
                 "each call is a Mach message that crosses the wire as RoCEv2:")
        self.expect(self.meshach("run", "--on", "1", f"{PROGRAMS}/counter", "5"), "counter: 5")
        self.say("The same program on node 2 sees what node 1 did:")
        self.expect(self.meshach("run", "--on", "2", f"{PROGRAMS}/counter", "7"), "counter: 12")
        self.say("A thousand calls from node 1:")
        before = time.monotonic()
        self.expect(self.meshach("run", "--on", "1", f"{PROGRAMS}/counter", "1", "1000"), "counter: 1012")
        print(f"  ({time.monotonic() - before:.2f} s, with sending the program there and starting it)")
        self.say("And where the server itself is, the same program again:")
        self.expect(self.meshach("run", "--on", "3", f"{PROGRAMS}/counter", "-12"), "counter: 1000")

    def end(self) -> None:
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.kill()
        subprocess.run([*self.base(), "down"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> int:
    os.chdir(ROOT)
    demo = Demo()
    try:
        demo.run()
        demo.end()
        print(f"\nThe cluster is down again; all this took {time.monotonic() - demo.started:.0f} s. Now yourself: README.md.")
        shutil.rmtree(demo.directory, ignore_errors=True)
        return 0
    except (Failed, subprocess.TimeoutExpired) as failure:
        demo.end()
        print(f"demo: {failure}; the logs are in {demo.directory}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        demo.end()
        print("demo: interrupted; the cluster is down", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
