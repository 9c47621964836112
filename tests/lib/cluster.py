# SPDX-License-Identifier: BSD-2-Clause
"""Clusters for tests: runs build/meshach in a state directory of the test's own."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import tempfile

from report import ROOT


class Cluster:
    """One cluster. Its directory goes when the test ends; the cluster is taken down first."""

    def __init__(self, image: str | None = None) -> None:
        self.directory = tempfile.mkdtemp(prefix="meshach-t-")
        self.base = [str(ROOT / "build/meshach"), "--dir", self.directory]
        if image:
            self.base += ["--image", image]
        atexit.register(self.end)

    def end(self) -> None:
        self.meshach("down")
        if "KEEP" not in os.environ:
            shutil.rmtree(self.directory, ignore_errors=True)

    def meshach(self, *words: str, timeout: float = 180, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command; output and errors are text."""
        done = subprocess.run([*self.base, *words], input=stdin, capture_output=True, text=True, errors="replace",
                              timeout=timeout)
        if words[0] == "up" and done.returncode == 0:
            self.own()
        return done

    def own(self) -> None:
        """Hold a connection that the cluster ends with, so that it does not outlive a test that is killed."""
        self.owner = socket.socket(socket.AF_UNIX)
        self.owner.connect(f"{self.directory}/control")
        self.owner.send(b"own\n")
        self.owner.recv(64)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.base, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def status(self) -> dict:
        return json.loads(self.meshach("status", "--json").stdout)

    def log(self, node: int) -> str:
        with open(f"{self.directory}/node{node}.log", errors="replace") as f:
            return f.read().replace("\r", "")

    def processes(self) -> list[str]:
        """Every process whose command line names this cluster's directory."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline") as f:
                    line = f.read().replace("\0", " ")
            except OSError:
                continue
            if self.directory in line and int(pid) != os.getpid():
                found.append(f"{pid} {line}")
        return found
